import { basename, resolve } from 'node:path'
import { LATENESS_MS } from '@flowguard/contract'
import { Command, InvalidArgumentError, Option } from 'commander'
import { action, EXIT, example, positiveNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { count, duration, type Output } from './output.ts'
import { batchesOf, retimed, type Batch, type Retime } from './replay-batches.ts'
import { drain, DRAIN_STALL_MS } from './replay-drain.ts'
import { firstTime, identify, readEvents, timeSpan, type EventFile } from './replay-file.ts'
import { notePath, readNote, writeNote, type ReplayNote } from './replay-note.ts'
import { countRejected, countResults, noCounts, askPatiently, type Patience, type ReplayCounts } from './replay-send.ts'

const NOTE_MS = 1_000

interface ReplayOptions {
  speed: number
  drain?: true
  retime?: true
  late?: true
  restart?: true
  strict?: true
  patience: number
}

export function replayCommand(cli: Cli): Command {
  return new Command('replay')
    .description('send files of real events through the gateway, in their order')
    .argument('<file...>', 'NDJSON, or CSV with a header row (.csv); either may be gzipped')
    .addOption(
      new Option('--speed <n>', 'times real time, by the events’ own times; max: as fast as answers come')
        .argParser(speed)
        .default(Infinity, 'max'),
    )
    .option('--drain', 'afterwards close time, and wait until every reader has caught up')
    .option('--retime', 'move the file’s times to now: its last event, or with --speed its first, is now')
    .option('--late', 'send it even where all of it is late')
    .option('--restart', 'begin at the beginning, whatever was sent before')
    .option('--strict', 'exit 1 if any event was rejected')
    .option('--patience <seconds>', 'how long the gateway may be away', positiveNumber, 60)
    .addHelpText(
      'after',
      example('replay events.ndjson.gz --drain', 'replay monday.csv --speed 60', 'replay events.ndjson --retime --json'),
    )
    .action(action<ReplayOptions, [string[]]>(cli, replay))
}

function speed(text: string): number {
  if (text === 'max') return Infinity
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0, or max.')
  return value
}

/** A file with all that is decided before the first event goes out. */
interface Plan {
  file: EventFile
  notePath: string
  note: ReplayNote | undefined
  retime: Retime | null
}

async function replay(context: Context, options: ReplayOptions, paths: readonly string[]): Promise<ExitCode> {
  const { io, out } = context
  const time = await timeNow(context, options)
  if (!time) return EXIT.interrupted
  const plans = await planFiles(context, options, paths, time)
  if (!plans) return EXIT.misused
  const counts = noCounts()
  const startedAt = io.clock()
  let lastTime = -Infinity
  for (const plan of plans) {
    const isRefused = !plan.note && !options.late && !(await isInTime(context, plan, options))
    if (isRefused && !io.signal.aborted) return EXIT.misused
    if (isRefused) break
    lastTime = Math.max(lastTime, await sendFile(context, options, plan, counts))
    if (io.signal.aborted) break
  }
  if (io.signal.aborted) out.note('Interrupted. What was answered is noted: the same command goes on from there.')
  const sentMs = io.clock() - startedAt
  const isDrained = options.drain && !io.signal.aborted ? await drainAll(context, options, lastTime) : undefined
  report(out, counts, sentMs, isDrained)
  if (io.signal.aborted) return EXIT.interrupted
  const isNothingAccepted = counts.accepted + counts.duplicate === 0 && counts.rejected > 0
  return isNothingAccepted || (options.strict && counts.rejected > 0) ? EXIT.failed : EXIT.done
}

interface TimeNow {
  highest_ts: number | null
  log_id: string
}

/** The highest event time that the gateway has accepted, and of which log. Undefined where the signal aborted first. */
async function timeNow(context: Context, options: ReplayOptions): Promise<TimeNow | undefined> {
  const { GATEWAY_URL, WRITE_KEY } = context.settings
  const answer = await askPatiently(`${GATEWAY_URL}/api/v1/time`, { key: WRITE_KEY }, patienceOf(context, options))
  return answer?.body as TimeNow | undefined
}

/** Undefined where what was asked contradicts what was sent before. */
async function planFiles(
  { io, settings, out }: Context,
  options: ReplayOptions,
  paths: readonly string[],
  { highest_ts: highest, log_id: logId }: TimeNow,
): Promise<Plan[] | undefined> {
  const files = await Promise.all(paths.map((path) => identify(resolve(io.cwd, path))))
  const fresh = options.retime ? await newRetime(files, options, io.clock()) : null
  const plans: Plan[] = []
  for (const file of files) {
    const path = notePath(settings.DATA_DIR, file.sha256, logId)
    // Of a gateway that holds nothing, no note can be true.
    const note = highest === null ? undefined : readNote(path)
    if (note && options.retime && !note.retime) {
      out.note(
        `${basename(file.path)} was sent to this gateway before, with its own times: moved ones would be refused as other events under the same ids.`,
      )
      out.note(`Use a --data-dir of its own, or, where that gateway's data is gone, delete ${path}.`)
      return undefined
    }
    plans.push({ file, notePath: path, note, retime: note ? note.retime : fresh })
  }
  return plans
}

/** One shift for all files, so that they keep their distance. */
async function newRetime(files: readonly EventFile[], { speed: times }: ReplayOptions, now: number): Promise<Retime | null> {
  const spans = (await Promise.all(files.map(({ path }) => timeSpan(path)))).filter((span) => span !== undefined)
  if (spans.length === 0) return null
  if (Number.isFinite(times)) return { from: Math.min(...spans.map(({ first }) => first)), to: now, speed: times }
  return { from: Math.max(...spans.map(({ last }) => last)), to: now, speed: 1 }
}

/** Whether the file's events would still count, or time has already moved past them; then says so. */
async function isInTime(context: Context, { file, retime }: Plan, options: ReplayOptions): Promise<boolean> {
  const { out } = context
  const time = await timeNow(context, options)
  if (!time) return false
  const { highest_ts: highest } = time
  const own = await firstTime(file.path)
  if (highest === null || own === undefined) return true
  const first = retime ? retimed(own, retime) : own
  if (highest - LATENESS_MS <= first) return true
  const name = basename(file.path)
  out.note(
    `${name} begins at ${new Date(first).toISOString()}${retime ? ' (moved)' : ''}, but events up to ${new Date(highest).toISOString()} have been accepted:`,
  )
  out.note(`its first event would be ${duration(highest - first)} late, and late events are not attributed until reconciliation.`)
  out.note(
    retime
      ? `Even moved, it spans too long. Stop this FlowGuard and send it to one of its own without simulated customers (\`npx flowguard up --data-dir other\`), pace it (--retime --speed 1), or send it as it is with --late.`
      : `Move its times to now with --retime${Number.isFinite(options.speed) ? '' : ' (and --speed 1 where others are sending)'}, stop this FlowGuard and send it to one of its own without simulated customers (\`npx flowguard up --data-dir other\`), or send it as it is with --late.`,
  )
  return false
}

/** Sends one file from where it stopped, one batch in flight, and notes how far it came. Resolves to the highest event time sent. */
async function sendFile(context: Context, options: ReplayOptions, plan: Plan, counts: ReplayCounts): Promise<number> {
  const { io, settings, out } = context
  const { file, retime } = plan
  const from = startOf(plan, options, out)
  const note: ReplayNote = {
    file: file.path,
    sha256: file.sha256,
    gateway: settings.GATEWAY_URL,
    line: from,
    finished: false,
    retime,
    updated_at: '',
  }
  let notedAt = -Infinity
  const keep = (isForced: boolean) => {
    if (!isForced && io.clock() - notedAt < NOTE_MS) return
    notedAt = io.clock()
    writeNote(plan.notePath, { ...note, updated_at: new Date(io.clock()).toISOString() })
  }
  const patience = patienceOf(context, options)
  const stop = new AbortController()
  const signal = AbortSignal.any([io.signal, stop.signal])
  const bar = progressBar(out, file, counts, io.clock)
  const events = readEvents(file.path, bar.onBytes)
  const batches = batchesOf(events, { sha256: file.sha256, afterLine: from, retime, speed: options.speed, clock: io.clock, signal })
  let lastTime = -Infinity

  async function send(batch: Batch): Promise<boolean> {
    if (batch.lines.length > 0) {
      const request = { method: 'POST' as const, body: batch.body, contentType: 'application/x-ndjson', key: settings.WRITE_KEY }
      const answer = await askPatiently(`${settings.GATEWAY_URL}/api/v1/batch`, request, patience)
      if (!answer) return false
      countResults(counts, batch.lines, answer.body)
    }
    for (const { line, fault, detail } of batch.faults) countRejected(counts, line, fault, detail)
    note.line = batch.lastLine
    lastTime = Math.max(lastTime, batch.lastTime)
    return true
  }

  try {
    const isAllSent = await eachWithNextReady(batches, async (batch) => {
      const isAnswered = await send(batch).catch((error: unknown) => {
        // A batch that waits for its time must not hold up the end.
        stop.abort()
        throw error
      })
      keep(false)
      bar.show()
      return isAnswered
    })
    note.finished = isAllSent && !io.signal.aborted
  } finally {
    out.endProgress()
    if (note.line > 0) keep(true)
  }
  return lastTime
}

/** Does the work on one item after the other, while the next one is being made. False where the work said stop. */
async function eachWithNextReady<T>(items: AsyncGenerator<T>, work: (item: T) => Promise<boolean>): Promise<boolean> {
  try {
    let next = await items.next()
    while (!next.done) {
      const upcoming = items.next()
      // Its failure is met where it is awaited, after this item's.
      upcoming.catch(() => undefined)
      if (!(await work(next.value))) return false
      next = await upcoming
    }
    return true
  } finally {
    await items.return(undefined)
  }
}

/** The line up to which the file has been sent, and what to say about it. */
function startOf({ file, note, retime }: Plan, { restart }: ReplayOptions, out: Output): number {
  const name = basename(file.path)
  if (retime)
    out.note(
      `Times are moved: ${new Date(retime.from).toISOString()} becomes ${new Date(retime.to).toISOString()}${note ? ', as when it was first sent' : ''}.`,
    )
  if (!note) return 0
  if (note.finished || restart) {
    out.note(
      `${name} was sent to this gateway before (${note.finished ? 'all of it' : `up to line ${count(note.line)}`}): what is repeated counts once.`,
    )
    return 0
  }
  out.note(`${name}: going on after line ${count(note.line)}, where it was interrupted (--restart begins at the beginning).`)
  return note.line
}

function progressBar(out: Output, { path, bytes }: EventFile, counts: ReplayCounts, clock: () => number) {
  const startedAt = clock()
  const sentBefore = counts.sent
  let read = 0
  return {
    onBytes: (to: number) => {
      read = to
    },
    show() {
      const ms = Math.max(1, clock() - startedAt)
      const part = Math.min(1, read / Math.max(1, bytes))
      const rate = Math.round(((counts.sent - sentBefore) * 1_000) / ms)
      const left = part > 0.01 && part < 1 ? `, ${duration((ms / part) * (1 - part))} left` : ''
      out.progress(`${basename(path)}  ${Math.floor(part * 100)}%  ${count(counts.sent)} sent  ${count(rate)}/s${left}`)
    },
  }
}

function patienceOf({ io, out }: Context, { patience }: ReplayOptions): Patience {
  return { patienceMs: patience * 1_000, clock: io.clock, random: io.random, signal: io.signal, say: (text) => out.note(text) }
}

async function drainAll(context: Context, options: ReplayOptions, lastTime: number): Promise<number | undefined> {
  const { io, settings, out } = context
  const startedAt = io.clock()
  const isDone = await drain({
    gatewayUrl: settings.GATEWAY_URL,
    opsUrl: settings.OPS_URL,
    key: settings.WRITE_KEY,
    lastTime,
    stallMs: DRAIN_STALL_MS,
    ...patienceOf(context, options),
    onWait: (waits) => out.progress(`Waiting for ${waits.join(', ')}`),
  })
  out.endProgress()
  return isDone ? io.clock() - startedAt : undefined
}

function report(out: Output, counts: ReplayCounts, sentMs: number, drainMs: number | undefined): void {
  const { sent, accepted, duplicate, rejected, causes } = counts
  const seconds = sentMs / 1_000
  const rate = Math.round(sent / Math.max(seconds, 0.001))
  if (out.isJson) {
    const byCause = Object.fromEntries(
      [...causes].map(([cause, { count: number, lines, detail }]) => [cause, { count: number, lines, detail }]),
    )
    const drained = drainMs === undefined ? {} : { drained: true, drain_seconds: drainMs / 1_000 }
    return out.json({ sent, accepted, duplicate, rejected, rejected_by_cause: byCause, seconds, events_per_second: rate, ...drained })
  }
  const c = out.colors
  out.line(
    `${c.bold(count(sent))} sent in ${duration(sentMs)} (${count(rate)} events/s): ${c.green(`${count(accepted)} accepted`)}, ${count(duplicate)} duplicate, ${rejected > 0 ? c.red(`${count(rejected)} rejected`) : '0 rejected'}`,
  )
  for (const [cause, { count: number, lines, detail }] of causes) {
    out.line(`  ${c.red(cause)}  ${count(number)} × ${detail}  (line ${lines.join(', ')}${number > lines.length ? ', …' : ''})`)
  }
  if (drainMs !== undefined) out.line(`Every reader has caught up, and time is closed (${duration(drainMs)}).`)
}
