import type { Journey } from '@flowguard/contract'
import type { JourneyPage } from '../stream/journey-view.ts'
import { journeyIn } from '../stream/journeys.ts'
import type { Stores } from './stores.ts'

/** What a user did, as of one moment. */
export async function journeyOf({ pipeline }: Stores, userId: string, page: JourneyPage): Promise<Journey> {
  if (!pipeline) return { user_id: userId, sessions: [], attributed_orders: [], next_before: null }
  pipeline.db.exec('begin')
  try {
    return await journeyIn(pipeline.db, pipeline.log, userId, page)
  } finally {
    pipeline.db.exec('commit')
  }
}
