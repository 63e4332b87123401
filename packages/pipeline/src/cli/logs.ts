import { join } from 'node:path'
import { Command, Option } from 'commander'
import { prettyFactory } from 'pino-pretty'
import { pause } from '../kernel/lifecycle.ts'
import { LOGS } from '../kernel/logging.ts'
import { action, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { lastLines, partsIn, tailOf, type LogLine, type LogTail } from './log-files.ts'
import { printable, type Colors } from './output.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
const POLL_MS = 200
const LINES_FIRST = 50
/** All the lines about one event, and no more than a terminal holds. */
const LINES_MAX = 100_000

interface Flags {
  part?: string[]
  level?: (typeof LEVELS)[number]
  trace?: string
  follow?: true
  lines?: number
}

export function logsCommand(cli: Cli): Command {
  return new Command('logs')
    .description('the logs of all the parts, merged; goes on with what is added, unless -n or --trace asks for what is there')
    .option('--part <name...>', 'only these: edge, pipeline, up, …')
    .addOption(new Option('--level <level>', 'only this level and above').choices(LEVELS))
    .option('--trace <id>', 'only lines about this: a trace id or an event id')
    .option('-n, --lines <n>', 'the last n lines', wholeNumber(1, LINES_MAX))
    .option('-f, --follow', 'and go on with what is added')
    .addHelpText('after', example('logs', 'logs --part edge --level warn -n 20', 'logs --trace EVENT_ID'))
    .action(action<Flags, []>(cli, showLogs))
}

async function showLogs({ io, settings, out }: Context, flags: Flags): Promise<ExitCode> {
  const folder = join(settings.DATA_DIR, LOGS)
  const names = () => partsIn(folder).filter((part) => !flags.part || flags.part.includes(part))
  const matches = matcher(flags)
  const format = out.isJson ? ({ text }: LogLine) => text : formatter(out.colors)
  const isFollowing = flags.follow ?? (flags.lines === undefined && flags.trace === undefined)
  const countMax = flags.lines ?? (flags.trace === undefined ? LINES_FIRST : LINES_MAX)
  // Opened before what is there is read, so that nothing falls between; a line may then be read twice, never left out.
  const tails = new Map<string, LogTail>(isFollowing ? names().map((part) => [part, tailOf(folder, part, 'end')]) : [])
  const before = names().flatMap((part) => lastLines(folder, part, countMax, matches))
  if (before.length === 0) out.note(`No lines ${names().length === 0 ? `in ${folder} yet` : 'match'}.`)
  for (const line of inOrder(before).slice(-countMax)) out.line(format(line))
  while (isFollowing && !io.signal.aborted) {
    await pause(POLL_MS, io.signal)
    for (const part of names()) if (!tails.has(part)) tails.set(part, tailOf(folder, part, 'start'))
    for (const line of inOrder([...tails.values()].flatMap((tail) => tail.read())).filter(matches)) out.line(format(line))
  }
  for (const tail of tails.values()) tail[Symbol.dispose]()
  return isFollowing ? EXIT.interrupted : EXIT.done
}

function matcher({ level, trace }: Flags): (line: LogLine) => boolean {
  const least = level === undefined ? 0 : LEVELS.indexOf(level)
  return ({ fields, text }) => {
    const isLoud = least === 0 || LEVELS.indexOf(fields['level'] as (typeof LEVELS)[number]) >= least
    // Whole values, wherever in the line: a batch's line names many events.
    return isLoud && (trace === undefined || text.includes(`"${trace}"`))
  }
}

/** By time; a line without one stays behind the line before it. */
function inOrder(lines: readonly LogLine[]): LogLine[] {
  let time = ''
  const timed = lines.map((line) => ({ line, time: (time = line.time || time) }))
  return timed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ line }) => line)
}

/** Pino's own pretty form, the part in front of the message. */
function formatter(c: Colors): (line: LogLine) => string {
  const pretty = prettyFactory({
    colorize: c.isColorSupported,
    translateTime: 'UTC:HH:MM:ss.l',
    ignore: 'pid,hostname,name',
    customPrettifiers: { level: (level) => (level as string).toUpperCase().padEnd(5) },
    singleLine: true,
  })
  return ({ part, text, fields }) => {
    const body = Object.keys(fields).length > 0 ? pretty(fields).trimEnd() : printable(text)
    return `${c.cyan(part.padEnd(8))} ${body}`
  }
}
