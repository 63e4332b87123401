import { refusalOf } from './client.ts'
import { authorization } from './key.ts'

/** Has the browser keep an answer as a file, under the name that the API gives it. Not a link: a link cannot carry a key. Throws `ApiError`. */
export async function download(path: string): Promise<void> {
  const response = await fetch(path, { headers: authorization() })
  if (!response.ok) throw await refusalOf(response)
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'flowguard.csv'
  const url = URL.createObjectURL(await response.blob())
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}
