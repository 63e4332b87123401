import { hash } from 'node:crypto'
import {
  canonicalJson,
  CLICKS,
  EVENT_KINDS,
  EVENT_BYTES_MAX,
  FIELDS_COUNT_MAX,
  GENERAL,
  isoOf,
  kindOf,
  ORDERS,
  parseTimestamp,
  type ClickInput,
  type EventKind,
  type FieldError,
  type GeneralInput,
  type OrderInput,
  type RawTopic,
  ORDER_PAISE_MAX,
  toPaise,
  toRupees,
} from '@flowguard/contract'
import type { OrderDraft } from '../database/database.ts'
import type { Headers } from '../log/event-log.ts'
import { erasedEvent } from '../erasure/person.ts'
import { BAD_TEXT, badTextIn, tooLarge } from '../http/body.ts'
import { CHECKS, fieldErrors } from './field-errors.ts'
import type { Fault } from '../http/problems.ts'
import type { Reference } from './reference.ts'

/** What is the same for every event that one gateway admits. */
export interface AdmissionDeps {
  reference: Reference
  /** UUIDv7: its index stays small, for ids that rise with time lie side by side. */
  newId: () => string
  isBot: (userAgent: string) => boolean
  /** Of a user who was erased; left out where nobody was. */
  pseudonymOf?: ((userId: string) => string | undefined) | undefined
}

/** What one request brings along. */
export interface Arrival {
  receivedAt: number
  traceparent: string
  /** The `Idempotency-Key` header: another way to give the `event_id`. */
  idempotencyKey?: string | undefined
  /** On `/clicks/impression`, whatever `is_click` says. */
  isImpression?: boolean
}

/** An event that passed every check, as the log is to hold it. */
export interface Admitted {
  topic: RawTopic
  eventId: string
  /** `''` where a general event has no user. */
  userId: string
  /** Event time, integer ms. */
  ts: number
  bytes: number
  contentHash: string
  headers: Headers
  event: Record<string, unknown>
  /** Of an order: what the database needs to know besides. */
  draft?: Pick<OrderDraft, 'orderId' | 'clientOrderId' | 'orderType'>
}

export type Admission = Admitted | Fault

export function isFault(admission: object): admission is Fault {
  return 'status' in admission && 'code' in admission
}

type Json = Record<string, unknown>

const TYPES = Object.values(EVENT_KINDS).flatMap(({ types }) => types as readonly string[])

/** One event among others of any kind: its `event_type` says which it is. */
export function admitAny(raw: unknown, arrival: Arrival, deps: AdmissionDeps): Admission {
  const kind = kindOf((raw as { event_type?: unknown } | null)?.event_type)
  if (kind) return admit(kind, raw, arrival, deps)
  const message = `must be one of ${TYPES.join(', ')}`
  return { status: 422, code: 'unknown_event_type', detail: `/event_type ${message}`, errors: [{ field: '/event_type', message }] }
}

/**
 * The one way in for every event, alone or in a batch: all checks, and the event as the log is to hold it.
 * Takes over `raw`, a value fresh from JSON.parse, and changes it in place: a copy would have to guard against a field named `__proto__`.
 */
export function admit(kind: EventKind, raw: unknown, arrival: Arrival, deps: AdmissionDeps): Admission {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return invalid([{ field: '', message: 'must be a JSON object' }])
  const event = raw as Json
  const names = Object.keys(event)
  if (names.length > FIELDS_COUNT_MAX) {
    return {
      status: 422,
      code: 'too_many_fields',
      detail: `over ${FIELDS_COUNT_MAX} fields`,
      errors: [{ field: '', message: `must have at most ${FIELDS_COUNT_MAX} fields` }],
    }
  }
  let canonical: string
  try {
    canonical = canonicalJson(event)
  } catch (error) {
    return invalid([{ field: '', message: (error as Error).message }])
  }
  const bytes = Buffer.byteLength(canonical)
  if (bytes > EVENT_BYTES_MAX) return tooLarge(EVENT_BYTES_MAX)
  const badText = canonical.includes('\\u') ? badTextIn(event, '') : undefined
  if (badText !== undefined) return invalid([{ field: badText, message: BAD_TEXT }])

  for (const name of names) if (event[name] === null) delete event[name]
  const idFault = nameEvent(event, arrival.idempotencyKey)
  if (idFault) return idFault
  if (!CHECKS[kind].Check(event)) return invalid(fieldErrors(kind, event))

  const { user_id: user, timestamp, user_agent: agent } = event as GeneralInput
  const eventId = (event['event_id'] ??= deps.newId()) as string
  const userId = user === undefined ? '' : String(user)
  if (user !== undefined) event['user_id'] = userId
  const { receivedAt, traceparent } = arrival
  const ts = timestamp === undefined ? receivedAt : Math.min(parseTimestamp(timestamp) ?? receivedAt, receivedAt)
  event['received_at'] = isoOf(receivedAt)
  event['is_bot'] = agent === undefined ? false : deps.isBot(agent)
  event['ts'] = ts
  const contentHash = hash('sha256', canonical, 'base64url')
  const admitted = { eventId, userId, ts, bytes, contentHash, headers: { content_hash: contentHash, traceparent }, event }
  return withoutErased(ofKind(), deps)

  function ofKind(): Admission {
    switch (kind) {
      case 'order':
        return withOrder(event, admitted, deps)
      case 'click':
        return withClick(event, admitted, arrival, deps)
      case 'general':
        return { ...admitted, topic: GENERAL }
    }
  }
}

/** What an erased person's browser or a file still sends is taken as any other's, so that nothing is lost to the books; but it names nobody. The hash stays: it tells repeats. */
function withoutErased(admission: Admission, { pseudonymOf }: AdmissionDeps): Admission {
  if (isFault(admission) || admission.userId === '') return admission
  const pseudonym = pseudonymOf?.(admission.userId)
  return pseudonym === undefined ? admission : { ...admission, userId: pseudonym, event: erasedEvent(admission.event, pseudonym) }
}

function withOrder(event: Json, admitted: Omit<Admitted, 'topic'>, deps: AdmissionDeps): Admission {
  const order = event as unknown as OrderInput
  const orderType = order.order_type ?? 'placed'
  const clientOrderId = order.order_id === undefined ? null : String(order.order_id)
  if (orderType !== 'placed' && clientOrderId === null) return invalid([{ field: '/order_id', message: 'is required for a status' }])
  const food = deps.reference.food(order.item_id)
  // A status changes the order and nothing else: it needs no price of its own.
  if (orderType === 'placed' && order.price === undefined && !food) {
    return invalid([{ field: '/price', message: 'is required: the catalogue has no such item' }])
  }
  if (orderType === 'placed' && food) event['price'] ??= food.price
  if (food) event['item_name'] ??= food.name
  event['quantity'] ??= 1
  if (orderType === 'placed' && toPaise(event['price'] as number) * (event['quantity'] as number) > ORDER_PAISE_MAX) {
    return invalid([{ field: '/quantity', message: `price × quantity must be at most ${toRupees(ORDER_PAISE_MAX)} rupees` }])
  }
  event['order_type'] = orderType
  event['event_type'] = 'order'
  const orderId = (event['order_id'] = deps.newId())
  if (clientOrderId !== null) event['client_order_id'] = clientOrderId
  return { ...admitted, topic: ORDERS, draft: { orderId, clientOrderId, orderType } }
}

function withClick(event: Json, admitted: Omit<Admitted, 'topic'>, { isImpression }: Arrival, deps: AdmissionDeps): Admission {
  const click = event as unknown as ClickInput
  const adId = String(click.ad_id)
  const isClick = !isImpression && (click.is_click ?? click.event_type !== 'impression')
  event['event_type'] = isClick ? 'click' : 'impression'
  event['ad_id'] = adId
  if (click.ad_campaign_id !== undefined) event['ad_campaign_id'] = String(click.ad_campaign_id)
  const item = click.item_id ?? deps.reference.itemOfAd(adId)
  if (item !== undefined) event['item_id'] = item
  return { ...admitted, topic: CLICKS }
}

/** An `event_id` that is empty or `string` (what API explorers fill in) is none; the header is the same thing by another way. */
function nameEvent(event: Json, idempotencyKey: string | undefined): Fault | undefined {
  if (isNone(event['event_id'])) delete event['event_id']
  if (idempotencyKey === undefined || isNone(idempotencyKey)) return undefined
  if (event['event_id'] !== undefined && event['event_id'] !== idempotencyKey) {
    const message = 'differs from the Idempotency-Key header'
    return { status: 422, code: 'ids_differ', detail: `event_id ${message}`, errors: [{ field: '/event_id', message }] }
  }
  event['event_id'] = idempotencyKey
  return undefined
}

const isNone = (id: unknown) => id === '' || id === 'string'

function invalid(errors: FieldError[]): Fault {
  const [first] = errors
  return {
    status: 422,
    code: 'invalid_event',
    detail: `${first?.field ? `${first.field} ` : ''}${first?.message ?? 'does not fit the schema'}`,
    errors,
  }
}
