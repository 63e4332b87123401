import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { GENERAL, RAW_TOPICS, TOPICS, type Topic } from '@flowguard/contract'
import { Command, Option } from 'commander'
import { hasCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { holderOf } from '../kernel/lock.ts'
import type { EventLog, Place } from '../log/event-log.ts'
import { readTopics } from '../log/topics.ts'
import { FILES } from '../ops/stores.ts'
import { openLogReader } from '../stores.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { followLane, laneLine, type LaneRow } from './monitor-lane.ts'
import { lineOf, seen, type SeenRecord } from './monitor-line.ts'

const READ_COUNT_MAX = 500
const READ_WAIT_MS = 200
const OPEN_WAIT_MS = 500
const STOP_LOOK_MS = 1_000

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
  const isRaw = (topic: Topic) => (RAW_TOPICS as readonly Topic[]).includes(topic)
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
    follow(context, 'raw', topics.filter(isRaw), flags, show),
    follow(
      context,
      'pipeline',
      topics.filter((topic) => !isRaw(topic)),
      flags,
      show,
    ),
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

/** Shows what is appended to these topics of one store, until the signal aborts. */
async function follow(
  context: Context,
  store: 'raw' | 'pipeline',
  topics: readonly Topic[],
  flags: Flags,
  show: (each: SeenRecord) => void,
): Promise<void> {
  const { signal } = context.io
  if (topics.length === 0) return
  const opened = await openWhenThere(context, store)
  if (!opened) return
  await using log = opened.log
  const places = await placesIn(log, topics, flags.fromStart || opened.isNew ? 'start' : 'end')
  while (!signal.aborted) {
    const records = await log.read([...places.values()], { countMax: READ_COUNT_MAX, waitMs: READ_WAIT_MS })
    for (const record of records.toSorted((a, b) => a.appendedAt - b.appendedAt)) show(seen(record))
    for (const { topic, partition, offset } of records) places.set(`${topic}-${partition}`, { topic, partition, next: offset + 1 })
    // Lets Ctrl-C in between, where there is always more to read.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** `isNew`: it was made while we waited, so all of it is to be seen. */
async function openWhenThere(
  { io, settings, out }: Context,
  store: 'raw' | 'pipeline',
): Promise<{ log: EventLog; isNew: boolean } | undefined> {
  const options = { dataDir: settings.DATA_DIR, topics: readTopics(settings.TOPICS_FILE), clock: io.clock }
  for (let tries = 1; !io.signal.aborted; tries += 1) {
    try {
      return { log: openLogReader(store, options), isNew: tries > 1 }
    } catch (error) {
      if (!hasCode(error, 'store_missing')) throw error
      if (tries === 1 && store === 'raw')
        out.note(`There is no log in ${settings.DATA_DIR} yet: waiting for it (\`npx flowguard up\` makes it).`)
      await pause(OPEN_WAIT_MS, io.signal)
    }
  }
  return undefined
}

async function placesIn(log: EventLog, topics: readonly Topic[], from: 'start' | 'end'): Promise<Map<string, Place>> {
  const places = new Map<string, Place>()
  for (const topic of topics) {
    for (const { partition, start, end } of await log.ends(topic))
      places.set(`${topic}-${partition}`, { topic, partition, next: from === 'end' ? end : start })
  }
  return places
}
