import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GENERAL, TOPICS, type Topic } from '@flowguard/contract'
import { Command, Option } from 'commander'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { holderOf } from '../kernel/lock.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import { FILES, type Stores } from '../ops/stores.ts'
import { isRaw, logOf } from '../ops/topics.ts'
import { openStores, placesOf } from '../stores.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import type { LaneRow } from '../workers/lane-view.ts'
import { followLane, laneLine } from './monitor-lane.ts'
import { lineOf, seen, type SeenRecord } from './monitor-line.ts'

const READ_COUNT_MAX = 500
const POLL_MS = 200
const OPEN_WAIT_MS = 500
const STOP_LOOK_MS = 1_000

/** Each may lie on an engine of its own, and be there before the others. */
const LOGS: readonly ((topic: Topic) => boolean)[] = [
  (topic) => isRaw(topic) && topic !== GENERAL,
  (topic) => topic === GENERAL,
  (topic) => !isRaw(topic),
]

interface Flags {
  topic?: Topic[]
  user?: string
  type?: string[]
  fromStart?: true
}

export function monitorCommand(cli: Cli): Command {
  return new Command('monitor')
    .description('events as they pass, live; Ctrl-C ends it')
    .addOption(new Option('--topic <topic...>', 'only these topics').choices(TOPICS))
    .option('--user <id>', 'only events of this user')
    .option('--type <type...>', 'only these: order, click, impression, attributed, processed, failed, dead, heartbeat, …')
    .option('--from-start', 'all that the log still holds, first')
    .addHelpText('after', example('monitor', 'monitor --type order attributed', 'monitor --user 1001 --from-start --json'))
    .action(action<Flags, []>(cli, monitor))
}

async function monitor(context: Context, flags: Flags): Promise<ExitCode> {
  const topics = flags.topic ?? TOPICS
  const firstRaw = topics.find(isRaw)
  const matches = matcher(flags)
  const { out } = context
  const show = (each: SeenRecord) => {
    if (!matches(each)) return
    const { topic, partition, offset, key, appendedAt, headers } = each.record
    if (!out.isJson) return out.line(lineOf(each, out.colors))
    const value = Object.keys(each.fields).length > 0 ? each.fields : each.record.value
    out.json({ topic, partition, offset, key, appended_at: new Date(appendedAt).toISOString(), type: each.type, value, headers })
  }
  const showLane = (row: LaneRow) => {
    if ((flags.type && !flags.type.includes(row.fate)) || (flags.user !== undefined && row.user_id !== flags.user)) return
    if (!out.isJson) return out.line(laneLine(row, out.colors))
    const { fate, seq: _seq, what, ...more } = row
    out.json({ type: fate, ...more, ...(fate === 'failed' ? { error: what } : { category: what }) })
  }
  await Promise.all([
    tellOfStops(context),
    topics.includes(GENERAL) ? followLane(context, { fromStart: flags.fromStart === true, show: showLane }) : undefined,
    ...LOGS.map((of) => {
      const own = topics.filter(of)
      return follow(context, { topics: own, isWaitedFor: own.some((topic) => topic === firstRaw) }, flags, show)
    }),
  ])
  return EXIT.interrupted
}

/** A log that nobody writes looks like one where nothing happens: says once which it is, and when that is over. */
async function tellOfStops({ io, settings, out }: Context): Promise<void> {
  let wasWritten = true
  for (; !io.signal.aborted; await pause(STOP_LOOK_MS, io.signal)) {
    // Until there is one, `openWhenThere` says so.
    if (!existsSync(join(settings.DATA_DIR, FILES.raw))) continue
    const isWritten = holderOf(settings.DATA_DIR, 'gateway') !== undefined
    if (isWritten !== wasWritten)
      out.note(isWritten ? 'FlowGuard runs again.' : `FlowGuard is stopped: nothing is written in ${settings.DATA_DIR} until it is back.`)
    wasWritten = isWritten
  }
}

function matcher({ user, type }: Flags): (each: SeenRecord) => boolean {
  return ({ type: own, fields }) => {
    if (type ? !type.includes(own) : own === 'heartbeat') return false
    return user === undefined || String(fields['user_id']) === user
  }
}

/** Shows what is appended to these topics of one log, until the signal aborts. */
async function follow(context: Context, of: Followed, flags: Flags, show: (each: SeenRecord) => void): Promise<void> {
  const { io, settings } = context
  if (of.topics.length === 0) return
  await using stores = openStores({ ...placesOf(settings), clock: io.clock })
  const opened = await openWhenThere(context, stores, of)
  if (!opened) return
  const { log, isNew } = opened
  const nexts = new Map<string, number>()
  for (const topic of of.topics) {
    for (const { partition, start, end } of await log.ends(topic))
      nexts.set(`${topic}-${partition}`, flags.fromStart || isNew ? start : end)
  }
  while (!io.signal.aborted) {
    const records: LogRecord[] = []
    for (const topic of of.topics) records.push(...(await since(log, topic, nexts)))
    for (const record of records.toSorted((a, b) => a.appendedAt - b.appendedAt)) show(seen(record))
    // Lets Ctrl-C in between, where there is always more to read.
    await pause(records.length > 0 ? 0 : POLL_MS, io.signal)
  }
}

/** The next records of each partition of a topic, some of them; `nexts` moves behind them. Throws `store_corrupt` at the first that is damaged. */
async function since(log: LogView, topic: Topic, nexts: Map<string, number>): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  for (const { partition, start, end } of await log.ends(topic)) {
    const name = `${topic}-${partition}`
    const next = Math.max(nexts.get(name) ?? start, start)
    if (end <= next) continue
    let count = 0
    for await (const batch of log.batchesAt(topic, partition, next, 'later')) {
      if (batch.fault !== undefined) throw new FlowGuardError('store_corrupt', `${name} at offset ${batch.offset}: ${batch.fault}`)
      records.push(...batch.records().filter(({ offset }) => offset >= next))
      nexts.set(name, batch.end)
      count += batch.count
      if (count >= READ_COUNT_MAX) break
    }
  }
  return records
}

/** `isNew`: it was made while we waited, so all of it is to be seen. */
async function openWhenThere(
  { io, settings, out }: Context,
  stores: Stores,
  { topics: [topic], isWaitedFor }: Followed,
): Promise<{ log: LogView; isNew: boolean } | undefined> {
  for (let tries = 1; !io.signal.aborted; tries += 1) {
    const log = topic && logOf(await stores.look('raw', 'events'), topic)
    if (log) return { log, isNew: tries > 1 }
    if (tries === 1 && isWaitedFor) out.note(`There is no log in ${settings.DATA_DIR} yet: waiting for it (\`npx flowguard up\` makes it).`)
    await pause(OPEN_WAIT_MS, io.signal)
  }
  return undefined
}

/** Topics that lie in one log. */
interface Followed {
  topics: readonly Topic[]
  /** Whether it is said that the log is waited for. */
  isWaitedFor: boolean
}
