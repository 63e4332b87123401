import { hash } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import {
  canonicalJson,
  DEPTH_MAX,
  EDITED_FROM,
  EVENT_BYTES_MAX,
  EVENT_KINDS,
  GENERAL,
  kindOf,
  loggedErrors,
  ORDERS,
  parseTimestamp,
  type DeadLetter,
  type FieldError,
  type RawTopic,
} from '@flowguard/contract'
import { BAD_TEXT, badTextIn, isDeeperThan } from '../http/body.ts'
import { partitionsOf } from '../erasure/erased-place.ts'
import type { LogRecord } from '../log/event-log.ts'
import { checkedOf, type RawEvent } from '../reader/checked.ts'
import { laneFault, type LaneEvent } from '../workers/checks.ts'
import type { Looked } from './stores.ts'
import { isRaw, logOf } from './topics.ts'
import { textOf } from './trace-outcome.ts'

/** What a client may send, and as much again for what the gateway wrote into it. */
export const EDITED_BYTES_MAX = 2 * EVENT_BYTES_MAX
/** What the gateway writes over an event; all the rest is its content, as far as repeats are concerned. */
const WRITTEN = ['received_at', 'is_bot', 'ts', 'order_id']

/** What is sent in place of a dead letter's bytes. */
export type Edited = Pick<DeadLetter, 'key' | 'headers' | 'value_base64'>
export type Edit = { edited: Edited } | { errors: FieldError[] }

type Editable = Pick<DeadLetter, 'topic' | 'reason'>

/** Why nothing else may be sent in place of a letter's bytes; undefined where it may. */
export function notEditable({ topic, reason }: Editable): string | undefined {
  if (!isRaw(topic)) return `a record of ${topic} was made here, and cannot be sent again`
  if (topic === ORDERS)
    return 'an order is in the database before its event is in the log: send what it should be by POST /api/v1/orders, and drop this letter'
  // The lane has one reader, and it did nothing: it says so in failed_events.
  if (reason === 'handler_failed' && topic !== GENERAL)
    return 'it is a good event, which its other readers may have worked off: it can be sent again as it was'
  return undefined
}

/**
 * The record that an operator's text makes of a dead letter, or what is wrong with it. Key and content hash are made anew, so that the readers meet it like any
 * event; the other headers stay. One that says what the first of its id said bears that one's hash, and so counts as its repeat.
 */
export async function editDead(
  at: Looked,
  letter: Editable & Pick<DeadLetter, 'partition' | 'offset' | 'headers'>,
  text: string,
): Promise<Edit> {
  const { topic } = letter
  const against = notEditable(letter)
  if (against !== undefined || !isRaw(topic)) return { errors: [{ field: '/dead_id', message: against ?? '' }] }
  const bytes = Buffer.from(text)
  if (!text.isWellFormed()) return { errors: [{ field: '/value', message: BAD_TEXT }] }
  if (bytes.length > EDITED_BYTES_MAX) return { errors: [{ field: '/value', message: `must be at most ${EDITED_BYTES_MAX / 1024} KiB` }] }
  const checked = eventIn(topic, bytes, at.clock())
  if ('errors' in checked) return checked
  const { event } = checked
  const value = JSON.stringify(event)
  const { content_hash: _content, ...headers } = letter.headers
  const from = { [EDITED_FROM]: `${topic}-${letter.partition}@${letter.offset}` }
  const send = (hashed: object, bytesOf = value): Edit => ({
    edited: {
      key: event.user_id ?? event.event_id,
      headers: { ...headers, ...hashed, ...from },
      value_base64: Buffer.from(bytesOf).toString('base64'),
    },
  })
  const first = await firstOf(at, topic, event)
  if (!first) return send({ content_hash: hash('sha256', canonicalJson(event), 'base64url') })
  if (first === 'forgotten' || contentOf(first.value) !== contentOf(value)) {
    const where = first === 'forgotten' ? '' : ` (${first.topic}-${first.partition}@${first.offset})`
    const message = `is taken by another content${where}: give a new one, or make this equal to that`
    return { errors: [{ field: '/event_id', message }] }
  }
  const content = first.headers['content_hash']
  // Whoever wrote past the gateway gave no hash: then the readers compare the bytes.
  return content === undefined ? send({}, first.value) : send({ content_hash: content })
}

/** The bytes as an event that the readers of the topic know, or all that is wrong with them. */
export function eventIn(topic: RawTopic, bytes: Uint8Array, now: number): { event: RawEvent } | { errors: FieldError[] } {
  const whole = (message: string) => ({ errors: [{ field: '', message }] })
  if (!isUtf8(bytes)) return whole('not UTF-8')
  if (isDeeperThan(bytes, DEPTH_MAX)) return whole(`nested over ${DEPTH_MAX} levels`)
  let event: unknown
  let canonical: string
  try {
    event = JSON.parse(Buffer.from(bytes).toString())
    canonical = canonicalJson(event)
  } catch (error) {
    return whole(`not JSON: ${(error as Error).message}`)
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return whole('must be a JSON object')
  const badText = canonical.includes('\\u') ? badTextIn(event, '') : undefined
  if (badText !== undefined) return { errors: [{ field: badText, message: BAD_TEXT }] }
  const { event_type: type, ts } = event as { event_type?: unknown; ts?: unknown }
  const kinds = Object.values(EVENT_KINDS).find((each) => each.topic === topic)!
  const kind = kindOf(type)
  if (!kind || EVENT_KINDS[kind].topic !== topic)
    return { errors: [{ field: '/event_type', message: `must be ${kinds.types.join(' or ')} in ${topic}` }] }
  const errors = loggedErrors(event)
  // What moves time for everybody is nobody's to send.
  if (typeof ts === 'number' && ts > now) errors.push({ field: '/ts', message: 'must not be ahead of the clock' })
  if (errors.length > 0) return { errors }
  const lane = topic === GENERAL ? laneFault(event as LaneEvent, parseTimestamp((event as LaneEvent).received_at) ?? now) : undefined
  if (lane === undefined) return { event: event as RawEvent }
  const [, field = '', message = lane] = /^(\/\S*) (.*)$/.exec(lane) ?? []
  return { errors: [{ field, message }] }
}

/** The event of this id that the readers took, where there is one; `forgotten`: it is known, and its record is not kept. */
async function firstOf(at: Looked, topic: RawTopic, event: RawEvent): Promise<LogRecord | 'forgotten' | undefined> {
  const known = topic === GENERAL ? await knownInLane(at, event) : undefined
  if (known?.size === 0) return undefined
  const same = (record: LogRecord) => {
    const checked = checkedOf(record)
    if (checked.kind !== 'event' || checked.event.event_id !== event.event_id) return false
    if (checked.event.user_id !== event.user_id) return false
    return known === undefined || known.has(record.headers['content_hash'] ?? hash('sha256', record.value, 'base64url'))
  }
  const [first] = (await recordsWith(at, topic, textOf(event.event_id), event.user_id ?? event.event_id))
    .filter(same)
    .sort((a, b) => a.appendedAt - b.appendedAt || a.offset - b.offset)
  return first ?? (known ? 'forgotten' : undefined)
}

/** Content hashes of the general events of this id that were worked off, or wait to be. One that failed may be sent again with other bytes. */
async function knownInLane({ lane }: Looked, { event_id: id, user_id: user }: RawEvent): Promise<ReadonlySet<string>> {
  return (await lane?.knownHashes(id, user)) ?? new Set()
}

/** Records of the key's partition whose value holds the text. */
async function recordsWith(at: Looked, topic: RawTopic, text: string, key: string): Promise<LogRecord[]> {
  const log = logOf(at, topic)
  const found: LogRecord[] = []
  for (const partition of log ? partitionsOf(key, log.partitions(topic)) : [])
    for await (const record of log?.find(topic, partition, text, { from: 0 }) ?? []) found.push(record)
  return found
}

function contentOf(value: string): string {
  const event = JSON.parse(value) as Record<string, unknown>
  return canonicalJson(Object.fromEntries(Object.entries(event).filter(([name]) => !WRITTEN.includes(name))))
}
