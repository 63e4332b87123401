import { Type, type Static, type TSchema } from './schema.ts'
import { isWholePaise, PRICE_RUPEES_MAX, QUANTITY_MAX } from './money.ts'
import { parseTimestamp } from './time.ts'
import { CLICKS, GENERAL, ORDERS, type RawTopic } from './topics.ts'

/** How large what a client sends may be. Beyond: 413 for bytes and counts, 400 for depth, 422 for fields. */
export const BODY_BYTES_MAX = 1024 * 1024
export const EVENT_BYTES_MAX = 32 * 1024
export const BATCH_COUNT_MAX = 500
export const DEPTH_MAX = 32
export const FIELDS_COUNT_MAX = 128
export const ID_CHARS_MAX = 128

const text = (maxLength: number, description: string) => Type.String({ maxLength, description })
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)

const PositiveInteger = (description: string) => Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description })
const Id = (description: string) => Type.String({ minLength: 1, maxLength: ID_CHARS_MAX, description })
const IdOrNumber = (description: string) => Type.Union([PositiveInteger(description), Id(description)], { description })

const User = IdOrNumber('a positive integer or a string of 1 to 128 characters')
const Timestamp = Type.Refine(
  Type.String({ description: 'RFC 3339; UTC where no zone is given', examples: ['2026-01-31T19:30:00.000Z'] }),
  (value: string) => (parseTimestamp(value) ?? -1) >= 0,
  () => 'must be an RFC 3339 date and time, not before 1970',
)
const Price = Type.Refine(
  Type.Number({ minimum: 0, maximum: PRICE_RUPEES_MAX, description: 'rupees, with at most 2 decimals', examples: [249.5] }),
  isWholePaise,
  () => 'must have at most 2 decimals',
)
const Metadata = Type.Record(Type.String(), Type.Unknown(), { description: 'anything that is to travel along' })

/** What every kind of event may carry. */
const common = {
  event_id: optional(text(ID_CHARS_MAX, 'the same for every try of one event; made here where there is none')),
  timestamp: optional(Timestamp),
  user_agent: optional(text(1024, 'the browser as it names itself; bots count nowhere')),
}

export const ORDER_TYPES = ['placed', 'confirmed', 'cancelled', 'delivered'] as const
export type OrderType = (typeof ORDER_TYPES)[number]

/** An order, or a change of an order's status. */
export const OrderInput = Type.Object(
  {
    event_type: optional(Type.Unknown({ description: 'written over by the gateway; in a batch: order' })),
    ...common,
    item_id: PositiveInteger('the dish: a positive integer'),
    user_id: User,
    order_id: optional(IdOrNumber("the client's own id; for a status, that of the order to change")),
    item_name: optional(text(256, 'filled from the catalogue where it is missing')),
    price: optional(Price),
    quantity: optional(
      Type.Integer({ minimum: 1, maximum: QUANTITY_MAX, default: 1, description: `a whole number from 1 to ${QUANTITY_MAX}` }),
    ),
    restaurant_id: optional(IdOrNumber('a positive integer or a string of 1 to 128 characters')),
    session_id: optional(IdOrNumber('a positive integer or a string of 1 to 128 characters')),
    city: optional(text(128, 'where the customer is')),
    location: optional(Type.Union([text(512, ''), Metadata], { description: 'text of up to 512 characters, or an object' })),
    order_type: optional(Type.Enum(ORDER_TYPES, { default: 'placed', description: `one of ${ORDER_TYPES.join(', ')}` })),
    metadata: optional(Metadata),
  },
  { title: 'Order', description: 'An order placed, or its new status. Unknown fields are kept.' },
)

/** A click on an ad, or the showing of one. */
export const ClickInput = Type.Object(
  {
    event_type: optional(Type.Unknown({ description: 'written over by the gateway; in a batch: click or impression' })),
    ...common,
    ad_id: IdOrNumber('a positive integer or a string of 1 to 128 characters'),
    user_id: User,
    is_click: optional(Type.Boolean({ default: true, description: 'false for an impression' })),
    item_id: optional(PositiveInteger("the dish; where it is missing, the ad's")),
    session_id: optional(IdOrNumber('a positive integer or a string of 1 to 128 characters')),
    ad_campaign_id: optional(IdOrNumber('a positive integer or a string of 1 to 128 characters')),
    ad_type: optional(text(64, 'banner, native, video, …')),
    page_url: optional(text(2048, 'where it was seen')),
    referrer: optional(text(2048, 'where the customer came from')),
    device_type: optional(text(64, 'mobile, desktop, …')),
    city: optional(text(128, 'where the customer is')),
    ip_address: optional(text(64, "the customer's address")),
    metadata: optional(Metadata),
  },
  { title: 'Click or impression', description: 'An ad clicked, or shown (`is_click: false`). Unknown fields are kept.' },
)

export const GENERAL_TYPES = ['purchase', 'user_signup', 'page_view', 'custom'] as const
export type GeneralType = (typeof GENERAL_TYPES)[number]

const UUID = '^(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})$'

/** A general event; what a purchase or a sign-up needs besides is the workers' to check. */
export const GeneralInput = Type.Object(
  {
    event_type: Type.Enum(GENERAL_TYPES, { description: `one of ${GENERAL_TYPES.join(', ')}` }),
    ...common,
    event_id: optional(Type.String({ pattern: UUID, description: 'a UUID' })),
    user_id: optional(User),
    properties: optional(Metadata),
  },
  { title: 'General event', description: 'Anything else that happened. Unknown fields are kept.' },
)

export type OrderInput = Static<typeof OrderInput>
export type ClickInput = Static<typeof ClickInput>
export type GeneralInput = Static<typeof GeneralInput>

/**
 * Every kind of event that the gateway takes: its schema, its topic, and the `event_type`s that name it in a batch.
 * The one place to add an event type: validation, OpenAPI and documentation follow from it.
 */
export const EVENT_KINDS = {
  order: { input: OrderInput, topic: ORDERS, types: ['order'] },
  click: { input: ClickInput, topic: CLICKS, types: ['click', 'impression'] },
  general: { input: GeneralInput, topic: GENERAL, types: GENERAL_TYPES },
} as const satisfies Record<string, { input: TSchema; topic: RawTopic; types: readonly string[] }>

export type EventKind = keyof typeof EVENT_KINDS

/** The kind that an `event_type` names, or none. */
export function kindOf(eventType: unknown): EventKind | undefined {
  return (Object.keys(EVENT_KINDS) as EventKind[]).find((kind) => (EVENT_KINDS[kind].types as readonly unknown[]).includes(eventType))
}
