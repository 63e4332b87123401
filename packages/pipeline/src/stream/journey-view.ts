import type { Journey } from '@flowguard/contract'

export const JOURNEY_SESSIONS_MAX = 100

export interface JourneyPage {
  /** Ms of event time; all where it is undefined. */
  before: number | undefined
  /** Sessions. */
  limit: number
}

/** What users did, session by session. */
export interface JourneyView {
  /**
   * The latest `limit` sessions that began before `before`, and the attributed orders of that time.
   * Of somebody unknown, none. Rejects with `store_missing` where the pipeline has never run.
   */
  of(userId: string, page: JourneyPage): Promise<Journey>
}
