import { amountOf, type LaneEvent } from './checks.ts'

/** Above this a purchase is of high value, in the currency that it names. */
const HIGH_VALUE_ABOVE = 1_000

export interface Enrichment {
  category: 'high_value' | 'standard' | null
}

/** What is worked out for an event that was tried so often before. Whatever it throws is taken for a passing trouble: the event is tried again, and fails in the end. */
export type Work = (event: LaneEvent, tries: number) => Enrichment

export function enrich(event: LaneEvent): Enrichment {
  return { category: event.event_type !== 'purchase' ? null : amountOf(event) > HIGH_VALUE_ABOVE ? 'high_value' : 'standard' }
}
