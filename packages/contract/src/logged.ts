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
} as Readonly<Record<string, { Check(value: unknown): boolean; Errors(value: unknown): { instancePath: string; message: string }[] }>>

/** The record's value as an event, or what is wrong with it. Whoever writes to a raw topic past the gateway is held to the same form. */
export function parseLogged(value: string): LoggedEvent | { invalid: string } {
  let event: unknown
  try {
    event = JSON.parse(value)
  } catch (error) {
    return { invalid: `not JSON: ${(error as Error).message}` }
  }
  const type = (event as { event_type?: unknown } | null)?.event_type
  const schema = typeof type === 'string' && Object.hasOwn(LOGGED, type) ? LOGGED[type] : undefined
  if (!schema) return { invalid: `unknown event_type ${JSON.stringify(type)?.slice(0, 80)}` }
  if (schema.Check(event)) {
    const logged = event as LoggedEvent
    if (logged.event_type === 'order' && toPaise(logged.price) * logged.quantity > ORDER_PAISE_MAX) {
      return { invalid: '/quantity times /price is more than an order may come to' }
    }
    return logged
  }
  const error = schema.Errors(event)[0]
  return { invalid: `${error?.instancePath || '/'} ${error?.message}` }
}
