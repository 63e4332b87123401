import { VERSION } from '../kernel/config.ts'
import { Command, CommanderError } from 'commander'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { EXIT, example, globalOptions, type Cli, type ExitCode, type Io } from './cli.ts'
import { colorsFor } from './output.ts'

/** Each command by its name, in the order of the help; loaded when it is asked for, so that none waits for what another needs. */
const COMMANDS: Readonly<Record<string, (cli: Cli) => Promise<Command>>> = {
  up: async (cli) => (await import('./up.ts')).upCommand(cli),
  simulate: async (cli) => (await import('./simulate.ts')).simulateCommand(cli),
  send: async (cli) => (await import('./send.ts')).sendCommand(cli),
  produce: async (cli) => (await import('./produce.ts')).produceCommand(cli),
  'load-test': async (cli) => (await import('./load-test.ts')).loadTestCommand(cli),
  replay: async (cli) => (await import('./replay.ts')).replayCommand(cli),
  monitor: async (cli) => (await import('./monitor.ts')).monitorCommand(cli),
  logs: async (cli) => (await import('./logs.ts')).logsCommand(cli),
  stream: async (cli) => (await import('./stream.ts')).streamCommand(cli),
  topics: async (cli) => (await import('./topics.ts')).topicsCommand(cli),
  groups: async (cli) => (await import('./groups.ts')).groupsCommand(cli),
  dead: async (cli) => (await import('./dead.ts')).deadCommand(cli),
  alerts: async (cli) => (await import('./alerts.ts')).alertsCommand(cli),
  trace: async (cli) => (await import('./trace.ts')).traceCommand(cli),
  audit: async (cli) => (await import('./audit.ts')).auditCommand(cli),
  sql: async (cli) => (await import('./sql.ts')).sqlCommand(cli),
  etl: async (cli) => (await import('./etl.ts')).etlCommand(cli),
  reconcile: async (cli) => (await import('./reconcile.ts')).reconcileCommand(cli),
  billing: async (cli) => (await import('./billing.ts')).billingCommand(cli),
  warehouse: async (cli) => (await import('./warehouse.ts')).warehouseCommand(cli),
  lake: async (cli) => (await import('./lake.ts')).lakeCommand(cli),
  erase: async (cli) => (await import('./erase.ts')).eraseCommand(cli),
  'health-check': async (cli) => (await import('./health-check.ts')).healthCheckCommand(cli),
  doctor: async (cli) => (await import('./doctor.ts')).doctorCommand(cli),
  config: async (cli) => (await import('./config.ts')).configCommand(cli),
  keys: async (cli) => (await import('./keys.ts')).keysCommand(cli),
  'start-gateway': async (cli) => (await import('./run.ts')).startGatewayCommand(cli),
  'start-catalog': async (cli) => (await import('./run.ts')).startCatalogCommand(cli),
  run: async (cli) => (await import('./run.ts')).runCommand(cli),
}

/** The command line on the streams of this process, or a test's: the command that `args` name alone, else all. `cli.exitCode` holds what it came to. */
export async function buildProgram(cli: Cli, args: readonly string[] = []): Promise<Command> {
  const { stdout, stderr } = cli.io
  const program = new Command('flowguard')
    .version(VERSION, '-V, --version', 'the version')
    .description('Event and ads analytics for food delivery: from a click to a charge, with books that always balance.')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for what it takes)')
    .addHelpText('after', example('up', 'simulate --rate 5 --duration 10', 'send order', 'trace EVENT_ID', 'audit'))
  for (const option of globalOptions()) program.addOption(option)
  program.exitOverride().configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) })
  const named = args.find((arg) => !arg.startsWith('-'))
  const wanted = named !== undefined && Object.hasOwn(COMMANDS, named) ? [named] : Object.keys(COMMANDS)
  for (const name of wanted) {
    const command = await (COMMANDS[name] as (typeof COMMANDS)[string])(cli)
    program.addCommand(command)
    inherit(command, program)
  }
  return program
}

function inherit(command: Command, program: Command): void {
  command.copyInheritedSettings(program)
  for (const each of command.commands) inherit(each, program)
}

/** Runs one command line (without `node` and the script) and resolves to its exit code; a failure is said on stderr. */
export async function runCli(args: readonly string[], io: Io = processIo()): Promise<ExitCode> {
  const cli: Cli = { io, exitCode: EXIT.done }
  try {
    const program = await buildProgram(cli, args)
    await program.parseAsync([...args], { from: 'user' })
    return cli.exitCode
  } catch (error) {
    // Commander has said what was wrong; help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.misused
    // The user ended it while it waited for something.
    if (error instanceof Error && error.name === 'AbortError' && io.signal.aborted) return EXIT.interrupted
    sayFailure(io, error)
    return hasCode(error, 'settings_invalid', 'query_refused') ? EXIT.misused : EXIT.failed
  }
}

/** What was wrong, where, and what to do; the stack only where it was asked for. */
export function sayFailure({ stderr, env }: Pick<Io, 'stderr' | 'env'>, error: unknown): void {
  const c = colorsFor(stderr, env)
  const isDebug = ['debug', 'trace'].includes(env['LOG_LEVEL'] ?? '')
  const message = error instanceof Error ? error.message : String(error)
  const advice =
    error instanceof FlowGuardError ? error.advice : 'This is a fault in FlowGuard itself. Run it again with LOG_LEVEL=debug to see where.'
  stderr.write(`${c.red('error:')} ${message}\n  ${c.dim(advice)}\n`)
  if (!isDebug || !(error instanceof Error)) return
  stderr.write(`${error.stack}\n`)
  if (error.cause instanceof Error) stderr.write(`caused by ${error.cause.stack}\n`)
}

/** The streams of this process. Ctrl-C aborts the signal once; a second one ends the process as if there were none. */
function processIo(): Io {
  let stop: AbortController | undefined
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read us has had enough (`| head`).
    process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed)
  })
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: () => process.stdin,
    env: process.env,
    cwd: process.cwd(),
    clock: Date.now,
    random: Math.random,
    get signal() {
      if (!stop) {
        const controller = new AbortController()
        stop = controller
        process.once('SIGINT', () => controller.abort())
        // A service manager may send it to every process of the group, and those pass it on.
        process.on('SIGTERM', () => controller.abort())
      }
      return stop.signal
    },
  }
}
