import { ATTRIBUTED, DEAD, GENERAL, RAW_TOPICS, TIMED_TOPICS, type Topic } from '@flowguard/contract'

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
  { name: 'loader', topics: [...RAW_TOPICS, ATTRIBUTED] },
  { name: 'workers', topics: [GENERAL] },
  { name: 'lane-dead', topics: [DEAD], log: 'lane' },
] as const satisfies readonly ReaderSpec[]

export type ReaderName = (typeof READERS)[number]['name']
