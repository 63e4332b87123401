/** The topics that every log has; `config/kafka/topics.yaml` gives each its partitions, copies and retention. */
export const TOPICS = [
  'raw.orders.v1',
  'raw.clicks.v1',
  'raw.events.v1',
  'attributed.events.v1',
  'metrics.ads.v1',
  'sessions.v1',
  'alerts.v1',
  'recon.v1',
  'dead.v1',
] as const

export type Topic = (typeof TOPICS)[number]

export const ORDERS = 'raw.orders.v1' satisfies Topic
export const CLICKS = 'raw.clicks.v1' satisfies Topic
export const GENERAL = 'raw.events.v1' satisfies Topic
export const ATTRIBUTED = 'attributed.events.v1' satisfies Topic
export const METRICS = 'metrics.ads.v1' satisfies Topic
export const SESSIONS = 'sessions.v1' satisfies Topic
export const ALERTS = 'alerts.v1' satisfies Topic
export const RECON = 'recon.v1' satisfies Topic
export const DEAD = 'dead.v1' satisfies Topic

/** What the gateway writes; all the others are written by readers, in the transaction of what they did. */
export const RAW_TOPICS = [ORDERS, CLICKS, GENERAL] as const
export type RawTopic = (typeof RAW_TOPICS)[number]

/** The topics whose partitions' times make the watermark, and that carry heartbeats. */
export const TIMED_TOPICS = [ORDERS, CLICKS] as const
