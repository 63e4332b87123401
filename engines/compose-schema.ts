import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { installed } from './cache.ts'
import { command, need } from './command.ts'
import { VERSIONS } from './versions.ts'

const MODULE = 'github.com/compose-spec/compose-go/v2'
const DOWNLOAD_MS_MAX = 5 * 60_000

/** The file of Compose's own schema, which its reference implementation brings. */
export async function installComposeSchema(): Promise<string> {
  const folder = await installed(`compose-schema-${VERSIONS.composeGo}`, async (aside) => {
    const go = need('go', 'Go, whose module proxy has the schema of compose files (Debian: golang)')
    const env = { ...process.env, GOFLAGS: '' }
    const answer = await command(go, ['mod', 'download', '-json', `${MODULE}@v${VERSIONS.composeGo}`], {
      cwd: aside,
      env,
      msMax: DOWNLOAD_MS_MAX,
    })
    const { Dir: source } = JSON.parse(answer) as { Dir: string }
    await copyFile(join(source, 'schema', 'compose-spec.json'), join(aside, 'compose-spec.json'))
  })
  return join(folder, 'compose-spec.json')
}
