import {
  EVENT_KINDS,
  LIVE_MS,
  ORDERS,
  parseLogged,
  type ClickEvent,
  type GeneralEvent,
  type Heartbeat,
  type OrderEvent,
  type Topic,
} from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import { identityOf, type Identity } from './identity.ts'
import type { Fate } from './places.ts'

export type RawEvent = OrderEvent | ClickEvent | GeneralEvent

/** What a record of a raw topic is by itself, whoever reads it. */
export type Checked =
  | { kind: 'invalid'; fate: Fate }
  | { kind: 'heartbeat'; event: Heartbeat }
  | { kind: 'event'; event: RawEvent; identity: Identity }

/** Worked out once for all the readers of a process. It hangs on the record alone, so that each of them comes to it by itself too. */
export function checkedOf(record: LogRecord): Checked {
  // Kept for nobody it would only live longer, and cost the collector more than it saves.
  if (record.memo === null) return check(record)
  record.memo ??= check(record)
  return record.memo as Checked
}

function check({ topic, value, bytes, headers, appendedAt }: LogRecord): Checked {
  if (bytes) return invalid('not UTF-8')
  const event = parseLogged(value)
  if ('invalid' in event) return invalid(event.invalid)
  // The gateway writes no time after the receipt, but for the seconds that close a day; another producer's must not move time for all.
  if (event.ts > appendedAt + LIVE_MS) return invalid(`/ts is ${event.ts - appendedAt} ms after it was appended`)
  if (event.event_type === 'heartbeat') return { kind: 'heartbeat', event }
  if (TOPIC_OF.get(event.event_type) !== topic) return invalid(`/event_type ${event.event_type} is none of ${topic}`)
  // With its length, so that no two users and ids read as one.
  const id = topic === ORDERS ? event.event_id : `${event.user_id?.length} ${event.user_id} ${event.event_id}`
  return { kind: 'event', event, identity: identityOf(id, headers['content_hash'] ?? value) }
}

const TOPIC_OF: ReadonlyMap<string, Topic> = new Map(
  Object.values(EVENT_KINDS).flatMap(({ topic, types }) => types.map((type): [string, Topic] => [type, topic])),
)

function invalid(detail: string): Checked {
  return { kind: 'invalid', fate: { dead: 'invalid_event', detail } }
}
