import { ALERTS, ATTRIBUTED, DEAD, GENERAL, METRICS, ORDERS, RAW_TOPICS, RECON, TIMED_TOPICS, type Topic } from '@flowguard/contract'

export interface ReaderSpec {
  name: string
  topics: readonly Topic[]
  /** Where the log that it reads is, if not where the topic is to be expected: the workers' own dead letters. */
  log?: 'lane'
}

/** Every reader of this version, and what it reads: known before any of them has begun. */
export const READERS = [
  { name: 'stream', topics: TIMED_TOPICS },
  { name: 'billing', topics: TIMED_TOPICS },
  { name: 'billing-orders', topics: [ATTRIBUTED] },
  { name: 'billing-recon', topics: [RECON] },
  { name: 'loader', topics: [...RAW_TOPICS, ATTRIBUTED] },
  { name: 'workers', topics: [GENERAL] },
  { name: 'lane-dead', topics: [DEAD], log: 'lane' },
] as const satisfies readonly ReaderSpec[]

/** Readers that an operator may do without: they count from when they have begun until they are given up (their places are deleted then). */
const OPTIONAL_READERS = [
  { name: 'lake', topics: [...RAW_TOPICS, ATTRIBUTED] },
  { name: 'anomaly', topics: [METRICS, DEAD] },
  { name: 'customers', topics: [ORDERS] },
  { name: 'customers-ads', topics: [ATTRIBUTED] },
] as const satisfies readonly ReaderSpec[]

/** Before the name of a channel: each reads `alerts.v1` by itself, and counts as the optional ones do. How many there are is the operator's to say. */
export const CHANNEL_READER = 'notify-'
type ChannelReader = `${typeof CHANNEL_READER}${string}`

export type ReaderName = (typeof READERS)[number]['name'] | (typeof OPTIONAL_READERS)[number]['name'] | ChannelReader

/** Takes over what Flink writes, where it answers; its topics lie in another log than theirs (STREAM_ENGINE). */
export const FLINK_READER = 'flink-rows'

/** The readers of a pipeline whose places are these. */
export function readersOf(standings: readonly { reader: string }[]): readonly (ReaderSpec & { name: ReaderName })[] {
  const begun = new Set(standings.map(({ reader }) => reader))
  const channels = [...begun].filter((reader): reader is ChannelReader => reader.startsWith(CHANNEL_READER)).sort()
  return [
    ...READERS,
    ...OPTIONAL_READERS.filter(({ name }) => begun.has(name)),
    ...channels.map((name) => ({ name, topics: [ALERTS] as const })),
  ]
}
