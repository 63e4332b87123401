import { join } from 'node:path'
import { installed } from './cache.ts'
import { command, need } from './command.ts'

const GO_MS_MAX = 15 * 60_000

/** A program written in Go, compiled from the module proxy's sources. */
export async function goProgram(name: string, module: string, version: string): Promise<string> {
  const folder = await installed(`${name}-${version}-${process.platform}-${process.arch}`, async (aside) => {
    const go = need('go', `Go, which compiles ${name} (Debian: golang)`)
    // GOFLAGS of a person may ask for a vendor folder, which is not there.
    const env = { ...process.env, GOBIN: aside, GOFLAGS: '', CGO_ENABLED: '0' }
    await command(go, ['install', `${module}@v${version}`], { cwd: aside, env, msMax: GO_MS_MAX })
  })
  return join(folder, module.split('/').at(-1) as string)
}
