import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { Argument, Command } from 'commander'
import { VERSION, type Settings } from '../kernel/config.ts'
import { lockFolder } from '../kernel/lock.ts'
import { createLogger } from '../kernel/logging.ts'
import { measures } from '../kernel/measures.ts'
import { startTracing } from '../kernel/telemetry.ts'
import { PROCESSES, ROLES, SHARED_ON_ENGINES, SHARED_ROLES, type Role } from '../roles.ts'
import { addressesOf } from '../stores.ts'
import { action, EXIT, example, portNumber, type Cli, type Context, type ExitCode } from './cli.ts'

const isProcess = (name: string): name is keyof typeof PROCESSES => Object.hasOwn(PROCESSES, name)

/** `run ROLE`: one part alone. */
export function runCommand(cli: Cli): Command {
  return new Command('run')
    .description('run one part alone, or one of the two processes of `up` (edge, pipeline)')
    .addArgument(new Argument('<role>', 'the part').choices([...ROLES, ...Object.keys(PROCESSES)]))
    .addHelpText('after', example('run gateway', 'run pipeline'))
    .action(action(cli, (context, _options: object, role) => runHere(context, role, isProcess(role) ? PROCESSES[role] : [role as Role])))
}

interface StartOptions {
  port?: string
  reload?: boolean
}

/** `start-gateway`, a name that FlowGuard's users know. A gateway alone ships its orders itself. */
export const startGatewayCommand = (cli: Cli) =>
  startCommand(cli, 'start-gateway', 'the events gateway', 'GATEWAY_PORT', ['gateway', 'relay'])

/** `start-catalog`, the other. */
export const startCatalogCommand = (cli: Cli) => startCommand(cli, 'start-catalog', 'the food catalogue', 'CATALOG_PORT', ['catalog'])

function startCommand(cli: Cli, name: string, what: string, setting: 'GATEWAY_PORT' | 'CATALOG_PORT', roles: readonly Role[]): Command {
  return new Command(name)
    .description(`start ${what} alone`)
    .option('--port <port>', `port to listen on (${setting})`, portNumber)
    .option('--reload', 'start again whenever the code changes')
    .addHelpText('after', example(`${name} --port 9000`))
    .action(
      action(cli, (context, { port, reload }: StartOptions) => {
        const settings = port === undefined ? context.settings : { ...context.settings, [setting]: port }
        return reload ? reloading(name, settings, context) : runHere({ ...context, settings }, name, roles)
      }),
    )
}

/** Under `up` only errors go to the terminal, and the part stops when `up` is gone. */
async function runHere({ settings, io, out }: Context, name: string, roles: readonly Role[]): Promise<ExitCode> {
  const isSupervised = process.connected === true
  const loggerTo = (stderrLevel: string) => createLogger(name, settings, stderrLevel)
  const logger = loggerTo(isSupervised ? 'error' : settings.LOG_LEVEL)
  // Where both want the processors, those who wait for an answer come first: what is read later is not lost.
  if (isSupervised && name === ('pipeline' satisfies keyof typeof PROCESSES)) setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  const orphaned = new AbortController()
  if (isSupervised) process.once('disconnect', () => orphaned.abort())
  const onReady = () => {
    logger.info({ roles, pid: process.pid }, 'ready')
    if (isSupervised) process.send?.('ready')
    else out.note(`${name} is ready; Ctrl-C stops it`)
  }
  try {
    using locks = new DisposableStack()
    for (const role of roles) {
      if (isShared(role, settings)) continue
      locks.use(lockFolder(settings.DATA_DIR, role))
      measures.leases.set(role, 'held')
    }
    await using _traces = await startTracing(name, VERSION, io.env)
    const { runRoles } = await import('../wiring.ts')
    await runRoles(roles, { settings, logger, signal: AbortSignal.any([io.signal, orphaned.signal]), onReady })
    logger.info('stopped')
  } catch (error) {
    // Into the file alone: the terminal is told in words by whoever catches it.
    loggerTo('fatal').warn({ err: error }, 'cannot go on')
    throw error
  } finally {
    // An open channel holds the process: one that failed would never end, and never be started again.
    if (isSupervised && process.connected) process.disconnect()
  }
  return EXIT.done
}

/** Whether another process may run it on this folder too. */
function isShared(role: Role, settings: Settings): boolean {
  const { log, events = log, database } = addressesOf(settings)
  const isFile = [log, events, database].some(({ engine }) => engine === 'sqlite')
  return (isFile ? SHARED_ROLES : SHARED_ON_ENGINES).includes(role)
}

async function reloading(name: string, settings: Settings, { io }: Context): Promise<ExitCode> {
  const entry = join(import.meta.dirname, '../main.ts')
  const { sources: _sources, ...values } = settings
  const child = spawn(process.execPath, ['--watch', ...process.execArgv, entry, name], { stdio: 'inherit', env: { ...io.env, ...values } })
  io.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code === 0 || io.signal.aborted ? EXIT.done : EXIT.failed
}
