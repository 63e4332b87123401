import type { FieldError } from './api.ts'
import { Compile, Type, type Static } from './schema.ts'
import { GENERAL_TYPES, ORDER_TYPES } from './events.ts'
import type { AdId, EventId, ItemId, OrderId, UserId } from './ids.ts'
import { ORDER_PAISE_MAX, PRICE_RUPEES_MAX, QUANTITY_MAX, toPaise } from './money.ts'
import { EVENT_TIME_MAX, type EventTime } from './time.ts'

const safe = { maximum: Number.MAX_SAFE_INTEGER }
const EventTimeSchema = Type.Unsafe<EventTime>(Type.Integer({ minimum: 0, maximum: EVENT_TIME_MAX }))
const id = <T>() => Type.Unsafe<T>(Type.String({ minLength: 1, maxLength: 128 }))
const Item = Type.Unsafe<ItemId>(Type.Integer({ minimum: 1, ...safe }))

const written = {
  event_id: id<EventId>(),
  ts: EventTimeSchema,
  received_at: Type.String(),
  is_bot: Type.Boolean(),
}

/** An order or a change of its status, as `raw.orders.v1` holds it: the flat event, with what the gateway wrote over it. */
export const OrderEvent = Type.Object({
  event_type: Type.Literal('order'),
  ...written,
  order_id: id<OrderId>(),
  client_order_id: Type.Optional(Type.Unknown()),
  user_id: id<UserId>(),
  item_id: Item,
  item_name: Type.Optional(Type.String()),
  price: Type.Number({ minimum: 0, maximum: PRICE_RUPEES_MAX }),
  quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }),
  order_type: Type.Enum(ORDER_TYPES),
})

/** A click or an impression, as `raw.clicks.v1` holds it. */
export const ClickEvent = Type.Object({
  event_type: Type.Union([Type.Literal('click'), Type.Literal('impression')]),
  ...written,
  user_id: id<UserId>(),
  ad_id: id<AdId>(),
  item_id: Type.Optional(Item),
  ad_campaign_id: Type.Optional(Type.Union([Type.String(), Type.Number()])),
  ip_address: Type.Optional(Type.Unknown()),
  metadata: Type.Optional(Type.Unknown()),
})

/** A general event, as `raw.events.v1` holds it. */
export const GeneralEvent = Type.Object({
  event_type: Type.Enum(GENERAL_TYPES),
  ...written,
  user_id: Type.Optional(id<UserId>()),
})

/** A record that only moves time. */
export const Heartbeat = Type.Object({ event_type: Type.Literal('heartbeat'), ts: EventTimeSchema })

export type OrderEvent = Static<typeof OrderEvent>
export type ClickEvent = Static<typeof ClickEvent>
export type GeneralEvent = Static<typeof GeneralEvent>
export type Heartbeat = Static<typeof Heartbeat>
export type LoggedEvent = OrderEvent | ClickEvent | GeneralEvent | Heartbeat

const LOGGED = {
  order: Compile(OrderEvent),
  click: Compile(ClickEvent),
  impression: Compile(ClickEvent),
  heartbeat: Compile(Heartbeat),
  ...(Object.fromEntries(GENERAL_TYPES.map((name) => [name, Compile(GeneralEvent)])) as Record<(typeof GENERAL_TYPES)[number], never>),
} as Readonly<
  Record<string, { Check(value: unknown): boolean; Errors(value: unknown): { instancePath: string; message: string; params: object }[] }>
>

/** A header: where the record lies in whose place an operator sent this one, with other bytes. */
export const EDITED_FROM = 'edited_from'

/** The record's value as an event, or what is wrong with it. Whoever writes to a raw topic past the gateway is held to the same form. */
export function parseLogged(value: string): LoggedEvent | { invalid: string } {
  let event: unknown
  try {
    event = JSON.parse(value)
  } catch (error) {
    return { invalid: `not JSON: ${(error as Error).message}` }
  }
  const schema = schemaOf(event)
  if (!schema)
    return { invalid: `unknown event_type ${JSON.stringify((event as { event_type?: unknown } | null)?.event_type)?.slice(0, 80)}` }
  if (schema.Check(event)) {
    const logged = event as LoggedEvent
    return isTooMuch(logged) ? { invalid: `/quantity ${TOO_MUCH}` } : logged
  }
  const error = schema.Errors(event)[0]
  return { invalid: `${error?.instancePath || '/'} ${error?.message}` }
}

/** All that is wrong with a value as an event of the log, field by field; nothing where `parseLogged` takes it. */
export function loggedErrors(event: unknown): FieldError[] {
  const schema = schemaOf(event)
  if (!schema) return [{ field: '/event_type', message: `must be one of ${Object.keys(LOGGED).join(', ')}` }]
  if (schema.Check(event)) return isTooMuch(event as LoggedEvent) ? [{ field: '/quantity', message: TOO_MUCH }] : []
  const errors = schema.Errors(event).flatMap(({ instancePath, message, params }) => {
    const { requiredProperties: missing } = params as { requiredProperties?: string[] }
    return missing
      ? missing.map((name) => ({ field: `${instancePath}/${name}`, message: 'is required' }))
      : [{ field: instancePath, message }]
  })
  // One a field: the first says the most.
  return errors.filter(({ field }, at) => errors.findIndex((each) => each.field === field) === at)
}

function schemaOf(event: unknown) {
  const type = (event as { event_type?: unknown } | null)?.event_type
  return typeof type === 'string' && Object.hasOwn(LOGGED, type) ? LOGGED[type] : undefined
}

const TOO_MUCH = 'times /price is more than an order may come to'

function isTooMuch(event: LoggedEvent): boolean {
  return event.event_type === 'order' && toPaise(event.price) * event.quantity > ORDER_PAISE_MAX
}
