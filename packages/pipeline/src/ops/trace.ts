import { CLICKS, EDITED_FROM, ORDERS, RAW_TOPICS, SECOND_MS, type RawTopic } from '@flowguard/contract'
import type { OrderSeen } from '../database/database-view.ts'
import { partitionsOf } from '../erasure/erased-place.ts'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { Position } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import { checkedOf } from '../reader/checked.ts'
import type { Standing } from '../reader/places.ts'
import { READERS } from '../reader/readers.ts'
import { inSnapshot, standingsOf, type Looked, type Stores } from './stores.ts'
import { iso, logOf } from './topics.ts'
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

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i
/** How far an id's own time may be ahead of when its record was appended. */
const CLOCKS_DIFFER_MS = 5 * SECOND_MS

/** One event's whole way, by its event id or an order's id. Scans the log: from an id's own time on first, where it tells one. */
export async function traceEvent(stores: Stores, id: string): Promise<Trace> {
  return inSnapshot(stores, async (at) => withState(await wayOf(at, id)))
}

type Way = Omit<Trace, 'is_open'>

const withState = (way: Way): Trace => ({ ...way, is_open: [...way.steps, ...way.outcome_lines].some(({ state }) => state === 'coming') })

async function wayOf(at: Looked, id: string): Promise<Way> {
  const standings = await standingsOf(at)
  const order = await at.edge?.orderOf(id)
  const eventId = order && order.order_id === id ? order.event_id : id
  const searched: string[] = []
  const outbox = await inOutbox(at, eventId, searched)
  const found = await inLog(at, eventId, order, searched)
  const [first] = found
  const event = first?.event ?? outbox ?? null
  const textIn = (name: string) => (typeof event?.[name] === 'string' ? event[name] : null)
  const traceparent = first?.record.headers['traceparent']
  const isFound = order !== undefined || event !== null
  const lines = isFound ? await outcomeOf({ at, standings }, found, event) : [line('plain', 'not found')]
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
      ...(order ? await databaseSteps(at, order, eventId) : []),
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

async function databaseSteps({ edge }: Looked, order: OrderSeen, eventId: string): Promise<Step[]> {
  const { order_id, event_id, status, created_at, updated_at } = order
  if (eventId !== event_id) return [step('database', `a status of order ${order_id}, which is ${status} now`)]
  const events = ((await edge?.eventsOf(order_id)) ?? []).filter((id) => id !== event_id)
  return [
    step('database', `order ${order_id} placed, with its row of the outbox`, { at: created_at }),
    ...(events.length > 0 ? [step('database', `status ${status}, by the events ${events.join(', ')}`, { at: updated_at })] : []),
  ]
}

async function inOutbox({ edge }: Looked, eventId: string, searched: string[]): Promise<Record<string, unknown> | undefined> {
  if (!edge) return undefined
  searched.push('orders and outbox of the database')
  return (await edge.outboxWith(textOf(eventId)))
    .map(({ value }) => JSON.parse(value) as Record<string, unknown>)
    .find((event) => event['event_id'] === eventId)
}

/** Every record of this event, the oldest first. */
async function inLog(at: Looked, eventId: string, order: OrderSeen | undefined, searched: string[]): Promise<Found[]> {
  const asked: readonly RawTopic[] = order ? [ORDERS] : RAW_TOPICS
  const topics = asked.filter((topic) => logOf(at, topic) !== undefined)
  if (topics.length === 0) return []
  const places = topics.flatMap((topic) => {
    const log = logOf(at, topic) as LogView
    const count = log.partitions(topic)
    const partitions = order ? partitionsOf(order.user_id, count) : Array.from({ length: count }, (_, partition) => partition)
    return partitions.map((partition) => ({ log, topic, partition }))
  })
  const time = UUID_V7.test(eventId) ? parseInt(eventId.replaceAll('-', '').slice(0, 12), 16) - CLOCKS_DIFFER_MS : 0
  async function look(range: { from: number } | { before: number }): Promise<Found[]> {
    const found: Found[] = []
    for (const { log, topic, partition } of places) {
      for await (const record of log.find(topic, partition, textOf(eventId), range)) {
        const event = eventOf(record.value)
        if (event?.['event_id'] === eventId) found.push({ record, event, isRepeat: false, isConflict: false })
      }
    }
    return found
  }
  let found = await look({ from: time })
  searched.push(`${topics.join(', ')}${time > 0 ? ` from ${iso(time)} on` : ''}`)
  if (found.length === 0 && time > 0) {
    found = await look({ before: time })
    searched.push(`${topics.join(', ')} before that`)
  }
  found.sort((a, b) => a.record.appendedAt - b.record.appendedAt || a.record.offset - b.record.offset)
  // What no reader knew, or an operator sent anew with other bytes, is nobody's first.
  const replaced = new Set(found.map(({ record }) => record.headers[EDITED_FROM]))
  const isFirst = ({ record }: Found) => checkedOf(record).kind !== 'invalid' && !replaced.has(placeOf(record))
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
