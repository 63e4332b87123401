import { ATTRIBUTED, TIMED_TOPICS, type Topic } from '@flowguard/contract'

/** Every reader of this version, and what it reads: known before any of them has begun. */
export const READERS = [
  { name: 'stream', topics: TIMED_TOPICS },
  { name: 'billing', topics: TIMED_TOPICS },
  { name: 'billing-orders', topics: [ATTRIBUTED] },
] as const satisfies readonly { name: string; topics: readonly Topic[] }[]

export type ReaderName = (typeof READERS)[number]['name']
