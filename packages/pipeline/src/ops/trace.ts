import { CLICKS, EDITED_FROM, ORDERS, parseLogged, RAW_TOPICS, SECOND_MS, type RawTopic } from '@flowguard/contract'
import { unpackRecords } from '../database/outbox-rows.ts'
import { partitionOf } from '../kernel/partition.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { Position } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import { READERS } from '../reader/readers.ts'
import { inSnapshot, standingsOf, type Stores } from './stores.ts'
import { iso } from './topics.ts'
import { line, type LineState, type OutcomeLine } from './trace-line.ts'
import { outcomeOf, textOf, type Found } from './trace-outcome.ts'

export interface Step {
  /** When, where that is known. */
  at: string | null
  /** `gateway`, `database`, `outbox`, `log`, or a reader. */
  part: string
  what: string
  state: Exclude<LineState, 'plain'>
  /** The record that it speaks of. */
  record: Position | null
}

export interface Trace {
  id: string
  found: boolean
  event_id: string | null
  order_id: string | null
  event_type: string | null
  user_id: string | null
  trace_id: string | null
  /** Where it lies in the log, the oldest first. */
  records: Position[]
  /** As the log or the outbox has it. */
  event: Readonly<Record<string, unknown>> | null
  steps: Step[]
  /** What came of it in the end, or why nothing did; a line each. */
  outcome: string[]
  /** The same lines, with what a page needs to show them. */
  outcome_lines: OutcomeLine[]
  /** Whether more is still to come by itself: a reader has yet to read it, or a line of the outcome says so. */
  is_open: boolean
  /** Where it was looked for. */
  searched: string[]
}

interface OrderRow {
  order_id: string
  event_id: string
  user_id: string
  status: string
  created_at: string
  updated_at: string
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i
/** How far an id's own time may be ahead of when its record was appended. */
const CLOCKS_DIFFER_MS = 5 * SECOND_MS

/** One event's whole way, by its event id or an order's id. Scans the log: from an id's own time on first, where it tells one. */
export function traceEvent(stores: Stores, id: string): Trace {
  return inSnapshot(stores, () => withState(wayOf(stores, id)))
}

type Way = Omit<Trace, 'is_open'>

const withState = (way: Way): Trace => ({ ...way, is_open: [...way.steps, ...way.outcome_lines].some(({ state }) => state === 'coming') })

function wayOf(stores: Stores, id: string): Way {
  const standings = standingsOf(stores)
  const order = orderBy(stores, id)
  const eventId = order && order.order_id === id ? order.event_id : id
  const searched: string[] = []
  const outbox = inOutbox(stores, eventId, searched)
  const found = inLog(stores, eventId, order, searched)
  const [first] = found
  const event = first?.event ?? outbox ?? null
  const textIn = (name: string) => (typeof event?.[name] === 'string' ? event[name] : null)
  const traceparent = first?.record.headers['traceparent']
  const sources = { stores, standings }
  const isFound = order !== undefined || event !== null
  const lines = isFound ? outcomeOf(sources, found, event) : [line('plain', 'not found')]
  return {
    id,
    found: isFound,
    event_id: isFound ? eventId : null,
    order_id: textIn('order_id') ?? order?.order_id ?? null,
    event_type: textIn('event_type') ?? (order ? 'order' : null),
    user_id: textIn('user_id') ?? order?.user_id ?? null,
    trace_id: traceparent === undefined ? null : traceIdOf(traceparent),
    records: found.map(({ record: { topic, partition, offset } }) => ({ topic, partition, offset })),
    event,
    steps: [
      ...(event ? [step('gateway', 'received', { at: textIn('received_at') })] : []),
      ...(order ? databaseSteps(stores, order, eventId) : []),
      ...(outbox ? [step('outbox', 'waiting to be shipped to the log', { state: 'coming' })] : []),
      ...found.flatMap((each) => logSteps(each, standings)),
    ],
    outcome: lines.map(({ text }) => text),
    outcome_lines: lines.map(({ text: _text, ...shown }) => shown),
    searched,
  }
}

const step = (part: string, what: string, { at = null, state = 'done', record = null }: Partial<Step> = {}): Step => ({
  at,
  part,
  what,
  state,
  record,
})

/** The order whose id this is, or to which the event of this id belongs. */
function orderBy({ edge }: Stores, id: string): OrderRow | undefined {
  const columns = 'order_id, event_id, user_id, status, created_at, updated_at'
  const row =
    edge?.prepare(`select ${columns} from orders where order_id = ?`).get(id) ??
    edge?.prepare(`select ${columns} from orders where order_id = (select order_id from order_events where event_id = ?)`).get(id)
  return row as unknown as OrderRow | undefined
}

function databaseSteps({ edge }: Stores, order: OrderRow, eventId: string): Step[] {
  const { order_id, event_id, status, created_at, updated_at } = order
  if (eventId !== event_id) return [step('database', `a status of order ${order_id}, which is ${status} now`)]
  const events = (edge?.prepare('select event_id as id from order_events where order_id = ? and event_id <> ?').all(order_id, event_id) ??
    []) as { id: string }[]
  return [
    step('database', `order ${order_id} placed, with its row of the outbox`, { at: created_at }),
    ...(events.length > 0
      ? [step('database', `status ${status}, by the events ${events.map(({ id }) => id).join(', ')}`, { at: updated_at })]
      : []),
  ]
}

function inOutbox({ edge }: Stores, eventId: string, searched: string[]): Record<string, unknown> | undefined {
  if (!edge) return undefined
  searched.push('orders and outbox of the database')
  const rows = edge.prepare('select records from outbox where instr(records, ?) > 0').all(textOf(eventId)) as { records: string }[]
  return rows
    .flatMap(({ records }) => unpackRecords(records))
    .map(({ value }) => JSON.parse(value) as Record<string, unknown>)
    .find((event) => event['event_id'] === eventId)
}

/** Every record of this event, the oldest first. */
function inLog(stores: Stores, eventId: string, order: OrderRow | undefined, searched: string[]): Found[] {
  const log = stores.raw?.log
  if (!log) return []
  const topics: readonly RawTopic[] = order ? [ORDERS] : RAW_TOPICS
  const places = topics.flatMap((topic) => {
    const partitions = Array.from({ length: log.partitions(topic) }, (_, partition) => partition)
    return (order ? [partitionOf(order.user_id, partitions.length)] : partitions).map((partition) => ({ topic, partition }))
  })
  const time = UUID_V7.test(eventId) ? parseInt(eventId.replaceAll('-', '').slice(0, 12), 16) - CLOCKS_DIFFER_MS : 0
  const look = (range: { from: number } | { before: number }) =>
    places
      .flatMap(({ topic, partition }) => [...log.find(topic, partition, textOf(eventId), range)])
      .flatMap((record) => {
        const event = eventOf(record.value)
        return event?.['event_id'] === eventId ? [{ record, event, isRepeat: false, isConflict: false }] : []
      })
  let found: Found[] = look({ from: time })
  searched.push(`${topics.join(', ')}${time > 0 ? ` from ${iso(time)} on` : ''}`)
  if (found.length === 0 && time > 0) {
    found = look({ before: time })
    searched.push(`${topics.join(', ')} before that`)
  }
  found.sort((a, b) => a.record.appendedAt - b.record.appendedAt || a.record.offset - b.record.offset)
  // What no reader knew, or an operator sent anew with other bytes, is nobody's first.
  const replaced = new Set(found.map(({ record }) => record.headers[EDITED_FROM]))
  const isFirst = ({ record }: Found) => !('invalid' in parseLogged(record.value)) && !replaced.has(placeOf(record))
  return found.map((each, at) => {
    const first = found.slice(0, at).find((before) => isSame(before, each) && isFirst(before))
    return { ...each, isRepeat: first !== undefined, isConflict: first !== undefined && hashOf(first) !== hashOf(each) }
  })
}

const placeOf = ({ topic, partition, offset }: Position) => `${topic}-${partition}@${offset}`
const hashOf = ({ record }: Found) => record.headers['content_hash']

/** CONTRACT, Sent again: by topic, user and event id; an order by its event id alone. */
function isSame(a: Found, b: Found): boolean {
  return a.record.topic === b.record.topic && (a.record.topic === ORDERS || a.event['user_id'] === b.event['user_id'])
}

function logSteps({ record, event, isRepeat, isConflict }: Found, standings: readonly Standing[]): Step[] {
  const { topic, partition, offset, appendedAt, headers } = record
  const from = headers[EDITED_FROM]
  const readers = READERS.filter(({ topics }) => (topics as readonly string[]).includes(topic))
  const who = topic === CLICKS ? ` for user ${String(event['user_id'])}` : ''
  const where = placeOf(record)
  const place = { topic, partition, offset }
  const again = isConflict ? 'its id again, with another content: ' : isRepeat ? 'sent again: ' : ''
  const steps: Step[] = [
    step('log', `${again}in ${where}${who}${from === undefined ? '' : `, edited from ${from}`}`, {
      at: iso(appendedAt),
      state: isConflict ? 'amiss' : 'done',
      record: place,
    }),
  ]
  if (readers.length === 0) steps.push(step('log', `no reader of ${topic} runs in this version`))
  for (const { name } of readers) {
    const next = standings.find((each) => each.reader === name && each.topic === topic && each.partition === partition)?.next ?? 0
    // The loader keeps repeats too: silver says what they are.
    const isKnown = isRepeat && name !== 'loader'
    steps.push(
      next > offset
        ? step(name, `${readBy(where)}${isKnown ? knownAs(isConflict) : ''}`, {
            state: isKnown && isConflict ? 'amiss' : 'done',
            record: place,
          })
        : step(name, `has yet to read ${where}; it is ${offset - next + 1} short of having done so`, { state: 'coming', record: place }),
    )
  }
  return steps
}

const knownAs = (isConflict: boolean) =>
  isConflict ? ', and found its id taken by another content (id_conflict)' : ', and known it for a repeat'

export const readBy = (where: string): string => `has read ${where}`

function eventOf(value: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(value) as Record<string, unknown>
  } catch {
    return undefined
  }
}
