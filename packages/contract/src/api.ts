import { Type, type Static, type TSchema } from './schema.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const OrderAnswer = Type.Object(
  {
    success: Type.Literal(true),
    order_id: Type.String({ format: 'uuid' }),
    event_id: Type.String(),
    status: Type.Literal('confirmed'),
    message: Type.String(),
  },
  { title: 'Order accepted' },
)
export type OrderAnswer = Static<typeof OrderAnswer>

export const ClickAnswer = Type.Object(
  { success: Type.Literal(true), message: Type.String(), event_id: Type.String() },
  { title: 'Click accepted' },
)
export type ClickAnswer = Static<typeof ClickAnswer>

export const EventAnswer = Type.Object(
  { event_id: Type.String(), status: Type.Literal('accepted'), message: Type.String(), received_at: Type.String() },
  { title: 'Event accepted' },
)
export type EventAnswer = Static<typeof EventAnswer>

export const FieldError = Type.Object(
  { field: Type.String({ description: 'a JSON pointer' }), message: Type.String() },
  { title: 'Field error' },
)
export type FieldError = Static<typeof FieldError>

export const BatchResult = Type.Object(
  {
    index: Type.Integer({ minimum: 0 }),
    status: Type.Union([Type.Literal('accepted'), Type.Literal('duplicate'), Type.Literal('rejected')]),
    event_id: Nullable(Type.String()),
    order_id: Type.Optional(Type.String()),
    error: Type.Optional(Type.Object({ code: Type.String(), detail: Type.String(), errors: Type.Optional(Type.Array(FieldError)) })),
  },
  { title: 'What became of one event' },
)
export type BatchResult = Static<typeof BatchResult>

/** RFC 9457, `application/problem+json`. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    trace_id: Type.String(),
    errors: Type.Optional(Type.Array(FieldError)),
  },
  { title: 'Problem' },
)
export type Problem = Static<typeof Problem>

/** An order as the database has it. Price in rupees. */
export const Order = Type.Object(
  {
    order_id: Type.String(),
    event_id: Type.String(),
    client_order_id: Nullable(Type.String()),
    user_id: Type.String(),
    item_id: Type.Integer(),
    item_name: Nullable(Type.String()),
    price: Type.Number(),
    quantity: Type.Integer(),
    status: Type.String(),
    created_at: Type.String(),
    updated_at: Type.String(),
  },
  { title: 'Order' },
)
export type Order = Static<typeof Order>

/** The day's figures of one dish. Revenue in rupees; the rates are 0 where their divisor is. */
export const AdMetrics = Type.Object(
  {
    item_id: Type.Integer(),
    date: Type.String(),
    impressions: Type.Integer(),
    clicks: Type.Integer(),
    orders: Type.Integer(),
    attributed_orders: Type.Integer(),
    revenue: Type.Number(),
    attributed_revenue: Type.Number(),
    ctr: Type.Number(),
    cvr: Type.Number(),
  },
  { title: 'Ad metrics' },
)
export type AdMetrics = Static<typeof AdMetrics>

export const CHARGE_KINDS = ['cpm', 'cpc', 'cpa', 'credit'] as const
export type ChargeKind = (typeof CHARGE_KINDS)[number]

/** One line of a statement: what an ad was charged on a day for one kind. Amounts in rupees, with up to 5 decimals. */
export const StatementLine = Type.Object({
  ad_id: Type.String(),
  date: Type.String(),
  kind: Type.Enum(CHARGE_KINDS),
  count: Type.Integer(),
  amount: Type.Number(),
  events_url: Type.String({ description: 'lists the event ids behind this line' }),
})
export type StatementLine = Static<typeof StatementLine>

export const AdBill = Type.Object(
  {
    ad_id: Type.String(),
    item_id: Type.Integer(),
    campaign_id: Type.String(),
    advertiser_id: Type.String(),
    pricing: Type.String(),
    rate: Type.Number(),
    from: Type.String(),
    to: Type.String(),
    total: Type.Number(),
    lines: Type.Array(StatementLine),
  },
  { title: "An ad's charges" },
)
export type AdBill = Static<typeof AdBill>

const AsOf = Nullable(
  Type.String({
    description:
      "what happened before then has been charged: billing's watermark, held back while orders wait to be charged; null before the first event, or while it cannot be said",
  }),
)

/** What an ad pays for, and how its spending stands to its daily budget, credits aside. A budget trims nothing. */
export const StatementAd = Type.Object({
  ad_id: Type.String(),
  item_id: Type.Integer(),
  campaign_id: Type.String(),
  pricing: Type.String(),
  rate: Type.Number(),
  daily_budget: Nullable(Type.Number({ description: 'null where it has none' })),
  last_day: Nullable(Type.Object({ date: Type.String(), spent: Type.Number() }, { description: 'the last day of the range with charges' })),
  days_over: Type.Integer({ description: 'days of the range that passed the budget' }),
  total: Type.Number(),
})
export type StatementAd = Static<typeof StatementAd>

export const Statement = Type.Object(
  {
    advertiser_id: Type.String(),
    from: Type.String(),
    to: Type.String(),
    as_of: AsOf,
    total: Type.Number(),
    credits: Type.Number({ description: 'in `total`, and 0 or below' }),
    ads: Type.Array(StatementAd),
    lines_total: Type.Integer({ description: 'over the length of `lines` where not all are told; ?format=csv has all' }),
    lines: Type.Array(StatementLine, { description: 'ad by ad; sums are of all lines, told or not' }),
  },
  { title: "An advertiser's statement" },
)
export type Statement = Static<typeof Statement>

const Charged = Type.Object({ count: Type.Integer(), amount: Type.Number() })

/** One advertiser in few figures. `total` is the sum of the four. */
export const AdvertiserBill = Type.Object({
  advertiser_id: Type.String(),
  ads: Type.Integer(),
  cpm: Charged,
  cpc: Charged,
  cpa: Charged,
  credit: Charged,
  total: Type.Number(),
})
export type AdvertiserBill = Static<typeof AdvertiserBill>

export const AdvertiserBills = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    as_of: AsOf,
    total: Type.Number(),
    unassigned: Type.Number({ description: 'charged to ads that are no longer in the ads table; not in `total`' }),
    advertisers: Type.Array(AdvertiserBill, { description: 'the greatest total first' }),
  },
  { title: "Every advertiser's charges" },
)
export type AdvertiserBills = Static<typeof AdvertiserBills>

export const StatementEvents = Type.Object(
  {
    ad_id: Type.String(),
    date: Type.String(),
    kind: Type.Enum(CHARGE_KINDS),
    total: Type.Integer(),
    next_after: Nullable(Type.Integer({ description: 'the `after` of the next page' })),
    events: Type.Array(Type.Object({ event_id: Type.String(), amount: Type.Number() })),
  },
  { title: 'The events behind a line' },
)
export type StatementEvents = Static<typeof StatementEvents>

/** What a customer is told of an order. */
export const NOTE_KINDS = ['order_confirmed', 'order_delivered', 'order_cancelled', 'ad_order'] as const
export type NoteKind = (typeof NOTE_KINDS)[number]

/** Of each user so many are kept, the newest by their event time, for so long. */
export const NOTES_MAX = 50
export const NOTES_DAYS = 30

export const UserNotification = Type.Object({
  id: Type.String(),
  kind: Type.Enum(NOTE_KINDS),
  order_id: Type.String(),
  item_id: Type.Integer(),
  title: Type.String(),
  message: Type.String(),
  timestamp: Type.String({ description: 'event time, RFC 3339' }),
  noted_at: Type.String({ description: 'when it came in, RFC 3339: what `since` is compared with' }),
})
export type UserNotification = Static<typeof UserNotification>

export const UserNotifications = Type.Object(
  {
    user_id: Type.String(),
    total: Type.Integer({ description: `kept: at most ${NOTES_MAX}, of ${NOTES_DAYS} days` }),
    unread: Type.Integer({ description: 'those of them that came in after `since`; all where it is left out' }),
    latest: Nullable(Type.String({ description: 'the `since` of somebody who has seen them all; null where there are none' })),
    notifications: Type.Array(UserNotification, { description: 'the newest first' }),
  },
  { title: "A customer's notifications" },
)
export type UserNotifications = Static<typeof UserNotifications>

export const Food = Type.Object(
  {
    food_id: Type.Integer(),
    name: Type.String(),
    category: Type.String(),
    price: Type.Number(),
    description: Type.String(),
    image_url: Type.String(),
    is_available: Type.Boolean(),
  },
  { title: 'Food' },
)
export type Food = Static<typeof Food>

/** CTR or CVR: 0 where the divisor is 0. */
export function rate(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
