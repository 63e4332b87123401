import { resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { action, EXIT, example, positiveNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { count, duration, type Output } from './output.ts'
import { batchesOf, type Batch } from './replay-batches.ts'
import { dryRun } from './replay-check.ts'
import { drain, DRAIN_STALL_MS } from './replay-drain.ts'
import { writeNote, type ReplayNote } from './replay-note.ts'
import { isInTime, newRetime, planFiles, startOf, type Plan, type PlanOptions, type TimeNow } from './replay-plan.ts'
import { report } from './replay-report.ts'
import { countRejected, countResults, noCounts, askPatiently, type Patience, type ReplayCounts } from './replay-send.ts'
import type { EventSource } from './replay-file.ts'
import { isLakeAddress, openLakeSource, withLakeOptions, type LakeChoice } from './replay-lake.ts'
import { openSource } from './replay-source.ts'
import { readMapping } from './replay-table.ts'

const NOTE_MS = 1_000

interface ReplayOptions extends PlanOptions, LakeChoice {
  map?: string
  dryRun?: true
  drain?: true
  late?: true
  strict?: true
  patience: number
}

export function replayCommand(cli: Cli): Command {
  const command = new Command('replay')
    .description('send files of real events through the gateway, in their order')
    .argument(
      '<file...>',
      'NDJSON, or CSV with a header row (.csv), either also gzipped; Parquet; with --map also any JSON; `lake` (what LAKE_URL holds), s3://…, file:…',
    )
    .option('--map <file>', 'a file with a SELECT that makes events of the rows of the table `input`, which is the file')
    .option('--dry-run', 'send nothing: show the first 5 events, and count what would be rejected, by cause')
    .addOption(
      new Option('--speed <n>', 'times real time, by the events’ own times; max: as fast as answers come')
        .argParser(speed)
        .default(Infinity, 'max'),
    )
    .option('--drain', 'afterwards close time, and wait until every reader has caught up, but for the lake and the channels of alerts')
    .option('--retime', 'move the file’s times to now: its last event, or with --speed its first, is now')
    .option('--late', 'send it even where all of it is late')
    .option('--restart', 'begin at the beginning, whatever was sent before')
    .option('--strict', 'exit 1 if any event was rejected')
    .option('--patience <seconds>', 'how long the gateway may be away', positiveNumber, 60)
    .addHelpText(
      'after',
      `${MAP_HELP}${example('replay events.ndjson.gz --drain', 'replay monday.csv --speed 60', 'replay events.ndjson --retime --json', 'replay data/online-retail-cut.csv.gz --map data/online-retail.sql --dry-run', 'replay lake --from 2026-01-01 --to 2026-01-31 --drain')}`,
    )
    .action(action<ReplayOptions, [string[]]>(cli, replay))
  return withLakeOptions(command)
}

const MAP_HELP = `
The mapping is one SELECT in DuckDB's SQL. Its columns are the fields of the events: event_type (order, click, impression, …),
timestamp, user_id, item_id, price, quantity, …; null is a field that is not there. A row with a reject_reason is counted by it
and not sent. Events go out in the order of the rows: of the file where the SELECT only filters and computes, else say ORDER BY,
without ties, for the order must be the same each time. Times without a zone are UTC.

  select 'order' as event_type, customer as user_id, sku as item_id, qty as quantity, price, sold_at as timestamp,
         case when qty <= 0 then 'quantity not positive' end as reject_reason
  from input
`

function speed(text: string): number {
  if (text === 'max') return Infinity
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0, or max.')
  return value
}

async function replay(context: Context, options: ReplayOptions, paths: readonly string[]): Promise<ExitCode> {
  await using opened = new AsyncDisposableStack()
  const { io, out } = context
  const isChosen = [options.from, options.to, options.topic].some((each) => each !== undefined)
  if ((isChosen && !paths.every(isLakeAddress)) || (options.map !== undefined && paths.some(isLakeAddress))) {
    out.note('--from, --to and --topic choose from a lake, and --map makes events of a file: not of the other.')
    return EXIT.misused
  }
  const mapping = options.map === undefined ? undefined : readMapping(resolve(io.cwd, options.map))
  const sources: EventSource[] = []
  for (const path of paths) {
    const how = { mapping, signal: io.signal, say: (text: string) => out.note(text) }
    const opening = isLakeAddress(path)
      ? openLakeSource(context.settings, path, options, io.signal)
      : openSource(resolve(io.cwd, path), how)
    const source = await opening.catch(orAborted(io.signal))
    if (!source) return EXIT.interrupted
    sources.push(opened.use(source))
  }
  if (options.dryRun) {
    const retime = options.retime ? await newRetime(sources, options, io.clock()) : null
    return await dryRun(context, sources, { retime, isStrict: options.strict === true })
  }
  const ask = () => timeNow(context, options)
  const time = await ask()
  if (!time) return EXIT.interrupted
  const plans = await planFiles(context, options, sources, time)
  if (!plans) return EXIT.misused
  const counts = noCounts()
  const startedAt = io.clock()
  let lastTime = -Infinity
  for (const plan of plans) {
    const isRefused = !plan.note && !options.late && !(await isInTime(out, plan, options, ask))
    if (isRefused && !io.signal.aborted) return EXIT.misused
    if (isRefused) break
    lastTime = Math.max(lastTime, await sendFile(context, options, plan, counts))
    if (io.signal.aborted) break
  }
  if (io.signal.aborted) out.note('Interrupted. What was answered is noted: the same command goes on from there.')
  const sentMs = io.clock() - startedAt
  const isDrained = options.drain && !io.signal.aborted ? await drainAll(context, options, lastTime) : undefined
  report(out, counts, { sentMs, drainMs: isDrained, unit: sources[0]?.unit ?? 'line' })
  if (io.signal.aborted) return EXIT.interrupted
  const isNothingAccepted = counts.accepted + counts.duplicate === 0 && counts.rejected > 0
  return isNothingAccepted || (options.strict && counts.rejected > 0) ? EXIT.failed : EXIT.done
}

/** What fails because it was interrupted has not failed. */
function orAborted(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (!signal.aborted) throw error
  }
}

/** The highest event time that the gateway has accepted, and of which log. Undefined where the signal aborted first. */
async function timeNow(context: Context, options: ReplayOptions): Promise<TimeNow | undefined> {
  const { GATEWAY_URL, WRITE_KEY } = context.settings
  const answer = await askPatiently(`${GATEWAY_URL}/api/v1/time`, { key: WRITE_KEY }, patienceOf(context, options))
  return answer?.body as TimeNow | undefined
}

/** Sends one file from where it stopped, one batch in flight, and notes how far it came. Resolves to the highest event time sent. */
async function sendFile(context: Context, options: ReplayOptions, plan: Plan, counts: ReplayCounts): Promise<number> {
  const { io, settings, out } = context
  const { source, retime } = plan
  const from = startOf(plan, options, out)
  const { note, keep } = noteFor(plan, { gateway: settings.GATEWAY_URL, from, clock: io.clock })
  const patience = patienceOf(context, options)
  const stop = new AbortController()
  const signal = AbortSignal.any([io.signal, stop.signal])
  const bar = progressBar(out, source, counts, io.clock)
  const events = source.read({ afterLine: from, onBytes: bar.onBytes })
  const batches = batchesOf(events, { sha256: source.sha256, afterLine: from, retime, speed: options.speed, clock: io.clock, signal })
  let lastTime = -Infinity

  async function send(batch: Batch): Promise<boolean> {
    if (batch.lines.length > 0) {
      const request = { method: 'POST' as const, body: batch.body, contentType: 'application/x-ndjson', key: settings.WRITE_KEY }
      const answer = await askPatiently(`${settings.GATEWAY_URL}/api/v1/batch`, request, patience)
      if (!answer) return false
      countResults(counts, batch.lines, answer.body)
    }
    for (const { line, fault, detail } of batch.faults) countRejected(counts, line, { cause: fault, detail })
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

/** The note of a file that is being sent. `keep` writes it as it is by then: at most once a second, unless it is forced. */
function noteFor({ source, retime, notePath }: Plan, { gateway, from, clock }: { gateway: string; from: number; clock: () => number }) {
  const { path: file, sha256 } = source
  const note: ReplayNote = { file, sha256, gateway, line: from, finished: false, retime, updated_at: '' }
  let notedAt = -Infinity
  return {
    note,
    keep: (isForced: boolean) => {
      if (!isForced && clock() - notedAt < NOTE_MS) return
      notedAt = clock()
      writeNote(notePath, { ...note, updated_at: new Date(notedAt).toISOString() })
    },
  }
}

/** Does the work on one item after the other, while the next one is being made. False where the work said stop. */
async function eachWithNextReady<T>(items: AsyncGenerator<T>, work: (item: T) => Promise<boolean>): Promise<boolean> {
  try {
    let next = await items.next()
    while (!next.done) {
      const working = work(next.value)
      // The failure of either is met where it is awaited.
      working.catch(() => undefined)
      // First let the request out: making the next one keeps the thread busy.
      await setImmediate()
      const upcoming = items.next()
      upcoming.catch(() => undefined)
      if (!(await working)) return false
      next = await upcoming
    }
    return true
  } finally {
    await items.return(undefined)
  }
}

function progressBar(out: Output, { name, bytes, unit }: EventSource, counts: ReplayCounts, clock: () => number) {
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
      // How much of a table is left, DuckDB does not say.
      const done = unit === 'line' ? `${Math.floor(part * 100)}%  ` : ''
      const left = part > 0.01 && part < 1 ? `, ${duration((ms / part) * (1 - part))} left` : ''
      out.progress(`${name}  ${done}${count(counts.sent)} sent  ${count(rate)}/s${left}`)
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
