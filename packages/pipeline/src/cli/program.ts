import { Command, CommanderError } from 'commander'
import { FlowGuardError } from '../kernel/errors.ts'
import { EXIT, example, globalOptions, type Cli, type ExitCode, type Io } from './cli.ts'
import { colorsFor } from './output.ts'
import { auditCommand } from './audit.ts'
import { configCommand } from './config.ts'
import { deadCommand } from './dead.ts'
import { doctorCommand } from './doctor.ts'
import { groupsCommand } from './groups.ts'
import { healthCheckCommand } from './health-check.ts'
import { keysCommand } from './keys.ts'
import { logsCommand } from './logs.ts'
import { monitorCommand } from './monitor.ts'
import { replayCommand } from './replay.ts'
import { runCommand, startCommands } from './run.ts'
import { sendCommand } from './send.ts'
import { simulateCommand } from './simulate.ts'
import { topicsCommand } from './topics.ts'
import { traceCommand } from './trace.ts'
import { upCommand } from './up.ts'

/** The whole command line on the streams of this process, or a test's. `cli.exitCode` holds what a command came to. */
export function buildProgram(cli: Cli = { io: processIo(), exitCode: EXIT.done }): Command {
  const { stdout, stderr } = cli.io
  const program = new Command('flowguard')
    .description('Event and ads analytics for food delivery: from a click to a charge, with books that always balance.')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for what it takes)')
    .addHelpText('after', example('up', 'simulate --rate 5 --duration 10', 'send order', 'trace EVENT_ID', 'audit'))
  for (const option of globalOptions()) program.addOption(option)
  program.exitOverride().configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) })
  for (const command of commandsOf(cli)) {
    program.addCommand(command.copyInheritedSettings(program))
    for (const each of command.commands) each.copyInheritedSettings(program)
  }
  return program
}

/** In the order of the help. */
function commandsOf(cli: Cli): Command[] {
  return [
    upCommand(cli),
    simulateCommand(cli),
    sendCommand(cli),
    replayCommand(cli),
    monitorCommand(cli),
    logsCommand(cli),
    topicsCommand(cli),
    groupsCommand(cli),
    deadCommand(cli),
    traceCommand(cli),
    auditCommand(cli),
    healthCheckCommand(cli),
    doctorCommand(cli),
    configCommand(cli),
    keysCommand(cli),
    ...startCommands(cli),
    runCommand(cli),
  ]
}

/** Runs one command line (without `node` and the script) and resolves to its exit code; a failure is said on stderr. */
export async function runCli(args: readonly string[], io: Io = processIo()): Promise<ExitCode> {
  const cli: Cli = { io, exitCode: EXIT.done }
  try {
    await buildProgram(cli).parseAsync([...args], { from: 'user' })
    return cli.exitCode
  } catch (error) {
    // Commander has said what was wrong; help that was asked for is no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.misused
    sayFailure(io, error)
    return error instanceof FlowGuardError && error.code === 'settings_invalid' ? EXIT.misused : EXIT.failed
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
    env: process.env,
    cwd: process.cwd(),
    clock: Date.now,
    random: Math.random,
    get signal() {
      if (!stop) {
        const controller = new AbortController()
        stop = controller
        for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
      }
      return stop.signal
    },
  }
}
