import { Type, type Static, type TSchema } from './schema.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** A record of `attributed.events.v1`: an order with the click that earned it, or null. Price in rupees. */
export const AttributedEvent = Type.Object(
  {
    order_id: Type.String(),
    event_id: Type.String({ description: "the order's" }),
    user_id: Type.String(),
    item_id: Type.Integer(),
    price: Type.Number(),
    quantity: Type.Integer(),
    timestamp: Type.String({ description: 'event time of the order, RFC 3339' }),
    click: Nullable(
      Type.Object({
        event_id: Type.String(),
        ad_id: Type.String(),
        campaign_id: Nullable(Type.String()),
        timestamp: Type.String(),
      }),
    ),
    lag_ms: Nullable(Type.Integer({ minimum: 0, description: 'from the click to the order' })),
    is_bot: Type.Optional(Type.Literal(true, { description: "only on a bot's order: it counts in no metric" })),
  },
  { title: 'Attributed order' },
)
export type AttributedEvent = Static<typeof AttributedEvent>

export const DEAD_REASONS = ['invalid_event', 'id_conflict', 'handler_failed'] as const
export type DeadReason = (typeof DEAD_REASONS)[number]

/** A record of `dead.v1`: what could not be worked off, as it was. */
export const DeadLetter = Type.Object(
  {
    dead_id: Type.String({ description: 'reader/topic-partition-offset: the same however often it is written' }),
    reader: Type.String(),
    topic: Type.String(),
    partition: Type.Integer(),
    offset: Type.Integer(),
    reason: Type.Enum(DEAD_REASONS),
    detail: Type.String(),
    tries: Type.Integer({ minimum: 1 }),
    died_at: Type.String(),
    key: Nullable(Type.String()),
    headers: Type.Record(Type.String(), Type.String()),
    value_base64: Type.String({ description: 'the raw bytes' }),
  },
  { title: 'Dead letter' },
)
export type DeadLetter = Static<typeof DeadLetter>

export const ALERT_SEVERITIES = ['info', 'warning', 'critical'] as const
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number]

/** A record of `alerts.v1`. What all alerts say; each kind has fields of its own besides. */
export const Alert = Type.Object(
  {
    alert_id: Type.String({ minLength: 1, description: 'the same however often it is raised' }),
    kind: Type.String({ minLength: 1 }),
    severity: Type.Enum(ALERT_SEVERITIES),
    title: Type.String({ description: 'one line' }),
    detail: Type.String({ description: 'what happened, and what to do' }),
    raised_at: Type.String({ description: 'RFC 3339' }),
  },
  { title: 'Alert', additionalProperties: true },
)
export type Alert = Static<typeof Alert> & { readonly [field: string]: unknown }
