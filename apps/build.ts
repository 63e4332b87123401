import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What an app says of itself, a JSON line each on stdout: for `up`, which tells people. Other lines may stand between. */
export type Step = { step: 'building' } | { step: 'built'; seconds: number } | { step: 'listening' } | { step: 'failed'; detail: string }

export const say = (step: Step) => void process.stdout.write(`${JSON.stringify(step)}\n`)

export const secondsSince = (startedAt: number) => Math.round((performance.now() - startedAt) / 100) / 10

/** Of the files and folders that an app is made from, as seen from its folder: other texts, another build. Tests are none of them. */
export async function fingerprint(folder: string, sources: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(process.version)
  for (const source of sources) {
    const path = join(folder, source)
    const names = await readdir(path, { recursive: true }).catch(() => [''])
    for (const name of names.filter((each) => !/\.test\.tsx?$/.test(each)).toSorted()) {
      const text = await readFile(join(path, name)).catch(() => undefined)
      if (text) hash.update(`${source}/${name}\0`).update(text).update('\0')
    }
  }
  return hash.digest('hex')
}
