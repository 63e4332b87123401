import { ApiError, refusalOf } from './client.ts'
import { authorization } from './key.ts'

/** Saves what the API answers as a file, under the name that it gives. Not a bare link: that cannot carry a key. Throws `ApiError`. */
export async function download(path: string): Promise<void> {
  const response = await fetch(path, { headers: { accept: 'text/csv', ...authorization() } }).catch(() => {
    throw new ApiError(0, 'The operations API does not answer. Is FlowGuard running?')
  })
  if (!response.ok) throw await refusalOf(response, true)
  const [, name = 'flowguard.csv'] = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '') ?? []
  const address = URL.createObjectURL(await response.blob())
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  URL.revokeObjectURL(address)
}
