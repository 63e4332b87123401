import { TOPICS, type Topic } from '@flowguard/contract'
import { jsonOf } from '../kernel/json.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { LogRecord, PartitionEnds } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import { inSnapshot, type Looked, type Stores } from './stores.ts'
import { logOf } from './topics.ts'

export const RECORDS_COUNT_MAX = 1_000
/** Records that one question looks at, however few of them fit: who wants more asks on from `next`. */
const LOOKED_COUNT_MAX = 50_000
const LOOKED_MS_MAX = 400
/** A page shows so much of a value; the record itself is asked for by its place. */
const GIST_CHARS = 240
/** What is beside it in a page, or the same in most: not what tells one record from another. */
const COMMON: ReadonlySet<string> = new Set(
  'event_type event_id user_id session_id user_agent timestamp received_at ts is_bot is_click order_type dead_id value_base64 headers'.split(
    ' ',
  ),
)

export type Order = 'newest' | 'oldest'

export interface RecordsAsked {
  order: Order
  /** Only this partition. */
  partition?: number | undefined
  /** Each partition's offset to go on from: the first one that is looked at. Those not named begin at the end, or at `time`. */
  from?: Readonly<Record<number, number>> | undefined
  /** Milliseconds since 1970: from there on, or back from there, by when records were appended. */
  time?: number | undefined
  key?: string | undefined
  type?: string | undefined
  /** Somewhere in the value. */
  text?: string | undefined
  /** Heartbeats too. */
  heartbeats: boolean
  limit: number
}

export interface RecordShown {
  partition: number
  offset: number
  key: string | null
  appended_at: string
  /** Of the event, where it says one. */
  type: string | null
  event_id: string | null
  /** UTF-8 bytes of the value. */
  bytes: number
  /** What the event says besides, or the text that it is, cut short. */
  gist: string
}

export interface RecordsPage {
  records: RecordShown[]
  /** Each partition's offset to go on from, the same way; null where nothing is left. */
  next: Record<number, number> | null
  /** Where each partition ended when this was asked: what comes later begins there. */
  ends: Record<number, number>
  looked: number
}

export interface RecordWhole extends RecordShown {
  topic: Topic
  headers: Readonly<Record<string, string>>
  trace_id: string | null
  value: string
  /** The bytes, where they are no UTF-8. */
  value_base64: string | null
  decoded?: unknown
}

/** Records of a topic in the order in which they were appended, over all its partitions; bounded in what it looks at, not only in what it gives. */
export async function records(stores: Stores, topic: Topic, asked: RecordsAsked): Promise<RecordsPage> {
  // Of one moment: whoever follows goes on from `ends`, and must not be given a record twice.
  return inSnapshot(stores, (at) => recordsIn(at, topic, asked))
}

async function recordsIn(at: Looked, topic: Topic, asked: RecordsAsked): Promise<RecordsPage> {
  const log = logOf(at, topic)
  const ends = (await log?.ends(topic)) ?? []
  const page: RecordsPage = {
    records: [],
    next: null,
    ends: Object.fromEntries(ends.map(({ partition, end }) => [partition, end])),
    looked: 0,
  }
  if (!log) return page
  const wanted = ends.filter(({ partition }) => asked.partition === undefined || asked.partition === partition)
  const lanes: Lane[] = []
  try {
    for (const each of wanted) lanes.push(await lane(log, topic, each, asked))
    await fill(page, lanes, asked)
  } finally {
    // One that is left half read would hold the store's state of now for whoever asks on this connection later.
    for (const each of lanes) await each.close()
  }
  return page
}

async function fill(page: RecordsPage, lanes: readonly Lane[], asked: RecordsAsked): Promise<void> {
  const until = performance.now() + LOOKED_MS_MAX
  const isTired = () => page.looked >= LOOKED_COUNT_MAX || (page.looked % 256 === 255 && performance.now() > until)
  for (let best = firstOf(lanes, asked.order); best?.head; best = firstOf(lanes, asked.order)) {
    if (page.records.length >= asked.limit || isTired()) {
      page.next = Object.fromEntries(lanes.map(({ partition, head, rest }) => [partition, head?.offset ?? rest]))
      return
    }
    const shown = fitting(best.head, asked)
    if (shown) page.records.push(shown)
    page.looked += 1
    await best.advance()
  }
}

/** The lane whose head is next, over all; of one instant, the lowest partition's. */
function firstOf(lanes: readonly Lane[], order: Order): Lane | undefined {
  let best: Lane | undefined
  for (const each of lanes) {
    if (!each.head) continue
    const [at, bestAt] = [each.head.appendedAt, best?.head?.appendedAt]
    if (bestAt === undefined || (order === 'newest' ? at > bestAt : at < bestAt)) best = each
  }
  return best
}

/** One record with its headers and all of its value; undefined where it is not kept. */
export async function recordAt(stores: Stores, topic: Topic, partition: number, offset: number): Promise<RecordWhole | undefined> {
  const log = logOf(await stores.look(), topic)
  if (!log || partition >= log.partitions(topic)) return undefined
  for await (const batch of log.batchesAt(topic, partition, offset, 'earlier')) {
    const record = batch.fault === undefined ? batch.records().find((each) => each.offset === offset) : undefined
    if (!record) return undefined
    const decoded = jsonOf(record.value)
    const traceparent = record.headers['traceparent']
    return {
      ...shownOf(record, decoded),
      topic,
      headers: record.headers,
      trace_id: traceparent === undefined ? null : traceIdOf(traceparent),
      value: record.value,
      value_base64: record.bytes ? Buffer.from(record.bytes).toString('base64') : null,
      ...(decoded !== undefined && { decoded }),
    }
  }
  return undefined
}

export const isTopic = (name: string): name is Topic => (TOPICS as readonly string[]).includes(name)

interface Lane {
  partition: number
  head: LogRecord | undefined
  /** Where it would go on once nothing is left. */
  rest: number
  advance(): Promise<void>
  close(): Promise<void>
}

/** One partition's records, one after the other, from where it was asked for. */
async function lane(log: LogView, topic: Topic, { partition, start, end }: PartitionEnds, asked: RecordsAsked): Promise<Lane> {
  const isNewest = asked.order === 'newest'
  const begin = async () => {
    if (asked.time !== undefined) return (await log.offsetSince(topic, partition, asked.time + (isNewest ? 1 : 0))) - (isNewest ? 1 : 0)
    return isNewest ? end - 1 : start
  }
  const first = asked.from?.[partition] ?? (await begin())
  const batches = first >= 0 ? log.batchesAt(topic, partition, first, isNewest ? 'earlier' : 'later')[Symbol.asyncIterator]() : undefined
  // Of the batch in hand what is still to come, the next one last: to wait for each record would cost more than to look at it.
  let rest: LogRecord[] = []
  const one: Lane = {
    partition,
    head: undefined,
    rest: isNewest ? start - 1 : end,
    async advance() {
      while (rest.length === 0) {
        const { value: batch, done } = (await batches?.next()) ?? { done: true, value: undefined }
        if (done) break
        if (batch.fault !== undefined) continue
        const wanted = batch.records().filter(({ offset }) => (isNewest ? offset <= first : offset >= first))
        rest = isNewest ? wanted : wanted.reverse()
      }
      one.head = rest.pop()
    },
    close: async () => void (await batches?.return?.()),
  }
  await one.advance()
  return one
}

function fitting(record: LogRecord, { key, type, text, heartbeats }: RecordsAsked): RecordShown | undefined {
  const { value } = record
  if (key !== undefined && record.key !== key) return undefined
  if (text !== undefined && !value.includes(text)) return undefined
  if (type !== undefined && !value.includes(type)) return undefined
  const decoded = jsonOf(value)
  const shown = shownOf(record, decoded)
  if (type !== undefined && shown.type !== type) return undefined
  return !heartbeats && type !== 'heartbeat' && shown.type === 'heartbeat' ? undefined : shown
}

function shownOf({ partition, offset, key, value, bytes, appendedAt }: LogRecord, decoded: unknown): RecordShown {
  const event = (typeof decoded === 'object' && decoded !== null ? decoded : {}) as Record<string, unknown>
  const text = (name: string) => (typeof event[name] === 'string' ? event[name] : null)
  return {
    partition,
    offset,
    key,
    appended_at: new Date(appendedAt).toISOString(),
    type: text('event_type') ?? text('kind') ?? text('reason'),
    event_id: text('event_id'),
    bytes: bytes?.length ?? Buffer.byteLength(value),
    gist: gistOf(value, event),
  }
}

function gistOf(value: string, event: Record<string, unknown>): string {
  const telling = Object.entries(event).filter(([name, each]) => !COMMON.has(name) && each !== null)
  if (telling.length === 0) return value.slice(0, GIST_CHARS)
  const said = telling.map(([name, each]) => `${name} ${typeof each === 'string' ? each : JSON.stringify(each)}`)
  return said.join('  ').slice(0, GIST_CHARS)
}
