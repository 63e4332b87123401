import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'
import { fingerprint, say, secondsSince } from '../build.ts'

// Builds the console where its sources changed; the operations API serves it from then on. One JSON line on stdout says each step.

const FOLDER = import.meta.dirname
const SOURCES = ['src', 'public', 'index.html', 'vite.config.ts', 'package.json', '../../package-lock.json']
/** Of which sources `dist` was made: written last, so that a build that was cut off is made again. */
const MADE_OF = join(FOLDER, 'dist', '.made-of')

// Whoever started it is gone.
process.once('disconnect', () => process.exit())

try {
  const sources = await fingerprint(FOLDER, SOURCES)
  if ((await readFile(MADE_OF, 'utf8').catch(() => '')) !== sources) {
    say({ step: 'building' })
    const startedAt = performance.now()
    await build({ root: FOLDER, logLevel: 'warn' })
    await writeFile(MADE_OF, sources)
    say({ step: 'built', seconds: secondsSince(startedAt) })
  }
} catch (error) {
  say({ step: 'failed', detail: (error as Error).message })
  process.exitCode = 1
}
if (process.connected) process.disconnect()
