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

const count = (description: string) => Type.Integer({ minimum: 0, description })

/** A record of `metrics.ads.v1`: one minute of event time of one item and campaign. Bots count nowhere. Revenue in rupees. */
export const AdWindow = Type.Object(
  {
    window_start: Type.String({ description: 'the full minute, RFC 3339; it belongs to the window' }),
    window_end: Type.String({ description: 'the next one; it does not' }),
    item_id: Nullable(Type.Integer({ description: 'null for clicks and impressions that name none' })),
    campaign_id: Nullable(Type.String({ description: "of a click or impression its own, of an order its click's" })),
    impressions: count('ads shown'),
    clicks: count('ads clicked, double clicks too'),
    valid_clicks: count('those of them that are no double clicks'),
    orders: count('orders placed'),
    attributed_orders: count('those of them that are due to a click'),
    revenue: Type.Number({ minimum: 0, description: 'price × quantity of the orders' }),
    ctr: Type.Number({ minimum: 0, description: 'clicks / impressions; 0 where there are none' }),
    cvr: Type.Number({ minimum: 0, description: 'attributed orders / clicks; 0 where there are none' }),
  },
  { title: 'One minute of an item and campaign' },
)
export type AdWindow = Static<typeof AdWindow>

/** What a session came to at most. */
export const SESSION_OUTCOMES = ['ordered', 'clicked', 'viewed'] as const
export type SessionOutcome = (typeof SESSION_OUTCOMES)[number]
/** So many items of a session's path are kept, and so many of its steps. */
export const SESSION_PATH_MAX = 50

export const SessionStep = Type.Object({
  ts: Type.Integer({ description: 'event time, ms' }),
  event_type: Type.Enum(['click', 'impression', 'order'] as const),
  item_id: Nullable(Type.Integer()),
  attributed: Type.Boolean({ description: 'an order that is due to a click' }),
})
export type SessionStep = Static<typeof SessionStep>

/** A record of `sessions.v1`: a user's events with no gap over 30 minutes, as `silver.user_sessions` has them too. Revenue in rupees. */
export const Session = Type.Object(
  {
    session_id: Type.String({ description: 'user/start in ms' }),
    user_id: Type.String(),
    started_at: Type.String({ description: 'event time of its first event, RFC 3339' }),
    ended_at: Type.String({ description: 'of its last' }),
    duration_ms: count('between the two'),
    events: count('impressions, clicks, and orders placed'),
    impressions: count('ads shown'),
    clicks: count('ads clicked'),
    orders: count('orders placed'),
    attributed_orders: count('those of them that are due to a click'),
    revenue: Type.Number({ minimum: 0, description: 'price × quantity of the orders' }),
    entry_item_id: Nullable(Type.Integer({ description: 'of the first event' })),
    path: Type.Array(Type.Integer(), { description: `the items in order, the first ${SESSION_PATH_MAX}` }),
    steps: Type.Array(SessionStep, { description: `the events in order, the first ${SESSION_PATH_MAX}` }),
    outcome: Type.Enum(SESSION_OUTCOMES),
  },
  { title: 'Session' },
)
export type Session = Static<typeof Session>

export const JourneySession = Type.Object({
  ...Session.properties,
  is_running: Type.Boolean({ description: 'whether it may still go on' }),
})
export type JourneySession = Static<typeof JourneySession>

/** What one user did. */
export const Journey = Type.Object(
  {
    user_id: Type.String(),
    sessions: Type.Array(JourneySession, { description: 'the latest first' }),
    attributed_orders: Type.Array(AttributedEvent, { description: 'those of that time that are due to a click, the latest first' }),
    next_before: Nullable(Type.String({ description: 'the `before` of the next page; null where there are no older ones' })),
  },
  { title: 'Journey' },
)
export type Journey = Static<typeof Journey>

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

/** Why the stream and the batch differ. `unexplained`: nothing in the events says why, as where a charge was changed by hand. */
export const RECON_CAUSES = ['late', 'repeated', 'cancelled', 'filtered', 'missing', 'unexplained'] as const
export type ReconCause = (typeof RECON_CAUSES)[number]
/** What differs: which click an order is due to, or what was charged. */
export const RECON_KINDS = ['attribution', 'cpm', 'cpc', 'cpa', 'credit'] as const
export type ReconKind = (typeof RECON_KINDS)[number]

const ReconSide = Type.Object({
  count: Type.Integer({ minimum: 0, description: 'answers to the order, or rows of the ledger' }),
  amount: Type.Number({ description: 'charged in all, in rupees' }),
  click_event_id: Nullable(Type.String({ description: 'of an attribution: the click that the order is due to' })),
  ad_id: Nullable(Type.String({ description: 'the ad of that click; of a charge, the ad itself' })),
})

/** A record of `recon.v1`: what the batch found different from the stream, and by how much the ledger is put right. Money in rupees. */
export const Correction = Type.Object(
  {
    correction_id: Type.String({ minLength: 1, description: 'the same however often the hour is gone through' }),
    kind: Type.Enum(RECON_KINDS),
    cause: Type.Enum(RECON_CAUSES),
    detail: Type.String({ description: 'what was seen' }),
    hour: Type.String({ description: 'of event time, RFC 3339' }),
    event_id: Type.String({ description: 'of the order, click, impression or cancellation' }),
    ad_id: Nullable(Type.String({ description: 'whose charge it is; null of an attribution' })),
    day: Type.String({ description: 'of the ledger, UTC' }),
    order_id: Nullable(Type.String()),
    user_id: Nullable(Type.String()),
    stream: ReconSide,
    batch: ReconSide,
    amount: Type.Number({ description: 'added to the ledger; below 0 it is a credit' }),
    waived: Type.Number({
      description:
        'not charged any more: its billing period is closed, and changes by credits only; below 0 it was due to be given back, and never charged',
    }),
    found_at: Type.String(),
    run_id: Type.Integer(),
  },
  { title: 'Correction' },
)
export type Correction = Static<typeof Correction>

export const ALERT_SEVERITIES = ['info', 'warning', 'critical'] as const
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number]
/** The greater the graver. */
export const gravityOf = (severity: AlertSeverity): number => ALERT_SEVERITIES.indexOf(severity)

/** What the book of alerts tells by kind; `budget_passed` besides is told once, and does not end. */
export const ALERT_KINDS = ['anomaly', 'fraud', 'pipeline'] as const
export type AlertKind = (typeof ALERT_KINDS)[number]
export const ALERT_STATES = ['open', 'resolved'] as const
export type AlertState = (typeof ALERT_STATES)[number]

export const ExpectedRange = Type.Object({
  low: Nullable(Type.Number({ description: 'null where none is too low' })),
  high: Nullable(Type.Number({ description: 'null where none is too high' })),
})
export type ExpectedRange = Static<typeof ExpectedRange>

/**
 * A record of `alerts.v1`. What all alerts say; each kind has fields of its own besides. One with a `state` is told under one id when it opens, when it has become
 * graver, and when it is over; one without is told once. Times of what it is about are event time, where it is about events.
 */
export const Alert = Type.Object(
  {
    alert_id: Type.String({ minLength: 1, description: 'rule/subject/since in ms: the same however often it is raised' }),
    kind: Type.String({ minLength: 1 }),
    severity: Type.Enum(ALERT_SEVERITIES, { description: 'the gravest that it was' }),
    severity_before: Type.Optional(
      Type.Enum(ALERT_SEVERITIES, { description: 'told again because it is graver: who hears of this has heard' }),
    ),
    title: Type.String({ description: 'one line' }),
    detail: Type.String({ description: 'what happened, and what to do' }),
    raised_at: Type.String({ description: 'when it was told first, RFC 3339' }),
    state: Type.Optional(Type.Enum(ALERT_STATES)),
    rule: Type.Optional(Type.String({ description: 'by which it was raised' })),
    subject: Type.Optional(Type.String({ description: 'whom or what it is about; an open alert is one of its rule and subject' })),
    reason: Type.Optional(Type.String({ description: 'what was seen, against what is usual' })),
    value: Type.Optional(Nullable(Type.Number({ description: 'what was seen last' }))),
    expected: Type.Optional(Nullable(ExpectedRange)),
    count: Type.Optional(Type.Integer({ minimum: 1, description: 'how often it was seen' })),
    since: Type.Optional(Type.String({ description: 'when it was seen first' })),
    last_seen: Type.Optional(Type.String({ description: 'when it was seen last' })),
    resolved_at: Type.Optional(Nullable(Type.String({ description: 'when it was over; null while it is not' }))),
    duration_ms: Type.Optional(Nullable(count('from `since` to `resolved_at`'))),
    resolved_by: Type.Optional(Nullable(Type.Enum(['itself', 'operator'] as const))),
  },
  { title: 'Alert', additionalProperties: true },
)
export type Alert = Static<typeof Alert> & { readonly [field: string]: unknown }

/** As the book tells it: all that is left to the kinds in other alerts is said. */
export type BookedAlert = Required<Omit<Static<typeof Alert>, 'severity_before'>> & { kind: AlertKind }
