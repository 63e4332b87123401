import { fork } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Settings } from '../kernel/config.ts'
import { aborted, pause, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { backoffMs } from '../kernel/retry.ts'
import type { Context } from './cli.ts'
import { stop } from './supervisor.ts'

const RESTARTS_MAX = 5
const BACKOFF = { firstMs: 500, longestMs: 10_000, random: Math.random }

/** What an app says of itself on stdout, a JSON line each (apps/build.ts). */
type Step = { step: 'building' } | { step: 'built'; seconds: number } | { step: 'listening' } | { step: 'failed'; detail: string }

interface Apps {
  /** A folder for each, with its `main.ts`. */
  folder: string
  settings: Settings
  out: Context['out']
  env: NodeJS.ProcessEnv
  logger: Logger
}

/**
 * The pages: the console, which the operations API serves once it is built, and the store, a process of its own. Each is built where its sources have changed,
 * while all else runs already; one that cannot be built or started is said, and nobody else hears of it.
 */
export const apps =
  (options: Apps): Part =>
  async (signal) => {
    await buildConsole(options, signal)
    await runStore(options, signal)
  }

async function buildConsole(options: Apps, signal: AbortSignal) {
  const { settings, out } = options
  const { failed } = await run('console', options, signal, ({ step }) => {
    if (step === 'built') out.note(`The console is built: http://${settings.HOST}:${settings.OPS_PORT}`)
  })
  if (failed !== undefined) out.note(out.noteColors.red(`The console: ${failed}. The rest goes on; see npx flowguard logs --part up.`))
}

async function runStore(options: Apps, signal: AbortSignal) {
  const { settings, out } = options
  const address = `http://${settings.HOST}:${settings.STORE_PORT}`
  for (let tries = 1; !signal.aborted; tries += 1) {
    const { failed, listened } = await run('store', options, signal, (told) => {
      if (told.step === 'building') out.note('The store is being built, for its sources are new; it appears by itself.')
      if (told.step === 'listening' && tries === 1) out.note(`The store is open: ${address}`)
    })
    if (signal.aborted) return
    if (!listened || tries > RESTARTS_MAX) {
      out.note(out.noteColors.red(`The store: ${failed ?? 'ended'}. The rest goes on; see npx flowguard logs --part up.`))
      return
    }
    out.note(out.noteColors.yellow(`The store ended and is started again (${tries}); see npx flowguard logs --part up.`))
    await pause(backoffMs(tries, BACKOFF), signal)
  }
}

/** Runs an app until it ends or the signal aborts. */
async function run(name: string, { folder, settings, env, logger }: Apps, signal: AbortSignal, onStep: (step: Step) => void) {
  const { sources: _sources, ...values } = settings
  // The channel tells it when this process is gone.
  const child = fork(join(folder, name, 'main.ts'), [], {
    env: { ...env, ...values },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  // Whoever sends events comes first.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL)
  let [failed, listened]: [string | undefined, boolean] = [undefined, false]
  createInterface(child.stdout!).on('line', (line) => {
    const told = stepOf(line)
    if (!told) return logger.info({ app: name }, line)
    logger.info({ app: name, ...told }, 'app')
    if (told.step === 'failed') failed = told.detail
    if (told.step === 'listening') listened = true
    onStep(told)
  })
  createInterface(child.stderr!).on('line', (line) => logger.info({ app: name }, line))
  const ended = (once(child, 'close') as Promise<[number | null]>).catch((error: Error) => [error.message] as const)
  await Promise.race([ended, aborted(signal)])
  if (signal.aborted) stop(child)
  const [code] = await ended
  if (code !== 0 && !signal.aborted) failed ??= `ended with ${code ?? 'a signal'}`
  return { failed, listened }
}

function stepOf(line: string): Step | undefined {
  try {
    const told = JSON.parse(line) as Step | null
    return typeof told?.step === 'string' ? told : undefined
  } catch {
    return undefined
  }
}
