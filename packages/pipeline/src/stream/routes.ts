import { Journey } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { idOf, instantOf, readingRoute, TEXT, WHOLE, wholeOf } from '../http/parameters.ts'
import { JOURNEY_SESSIONS_MAX, type JourneyView } from './journey-view.ts'

const JOURNEY_SESSIONS = 20

/** One user's journey, by the gateway and by operations. */
export function journeyRoute(app: FastifyInstance, prefix: '/api/v1' | '/api', journeys: JourneyView): void {
  readingRoute(app, {
    url: `${prefix}/users/:user_id/journey`,
    summary: 'What a user did: sessions with their steps, and the orders that a click led to',
    answer: Journey,
    params: { user_id: TEXT },
    query: {
      limit: { ...WHOLE, description: `sessions, at most ${JOURNEY_SESSIONS_MAX}; ${JOURNEY_SESSIONS} where it is missing` },
      before: { type: 'string', format: 'date-time', description: '`next_before` of a page: sessions that began before' },
    },
    find: ({ user_id: user = '' }, { limit = String(JOURNEY_SESSIONS), before }) =>
      journeys.of(idOf('user_id', user), {
        limit: wholeOf('limit', limit, 1, JOURNEY_SESSIONS_MAX),
        before: before === undefined ? undefined : instantOf('before', before),
      }),
  })
}
