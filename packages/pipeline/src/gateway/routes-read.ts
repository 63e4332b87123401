import { AdMetrics, dayOf, NOTES_MAX, Order, UserNotifications } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import type { BillingView } from '../billing/billing-view.ts'
import type { Database } from '../database/database.ts'
import { DATE, dayIn, idOf, instantOf, readingRoute, TEXT, WHOLE, wholeOf } from '../http/parameters.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { JourneyView } from '../stream/journey-view.ts'
import { journeyRoute } from '../stream/routes.ts'
import type { NotesView } from '../notify/customers/notes.ts'
import { NOTES_KEPT_MS } from '../notify/customers/table.ts'
import { notificationsOf } from '../notify/customers/words.ts'

const NOTES_COUNT = 20

interface ReadDeps {
  database: Pick<Database, 'order'>
  billing: Pick<BillingView, 'itemDay'>
  journeys: JourneyView
  notes: NotesView
  clock: Clock
}

/** Orders, the ads' figures and customers' notifications, as the database and the counters have them. */
export function readRoutes(app: FastifyInstance, { database, billing, journeys, notes, clock }: ReadDeps): void {
  readingRoute(app, {
    url: '/api/v1/orders/:order_id',
    summary: 'An order as the database has it',
    answer: Order,
    params: { order_id: TEXT },
    find: ({ order_id: id = '' }) => database.order(idOf('order_id', id)),
  })
  readingRoute(app, {
    url: '/api/v1/ads/metrics/:item_id',
    summary: "A dish's figures of one day",
    answer: AdMetrics,
    params: { item_id: WHOLE },
    query: { date: DATE },
    find: ({ item_id: item = '' }, { date }) =>
      billing.itemDay(wholeOf('item_id', item, 1, Number.MAX_SAFE_INTEGER), dayIn('date', date, dayOf(clock()))),
  })
  journeyRoute(app, '/api/v1', journeys)
  readingRoute(app, {
    url: '/api/v1/users/:user_id/notifications',
    summary: 'What a customer is told of their orders, the newest first',
    answer: UserNotifications,
    params: { user_id: TEXT },
    query: {
      limit: { ...WHOLE, minimum: 1, maximum: NOTES_MAX, description: `${NOTES_COUNT} where it is missing` },
      since: { type: 'string', format: 'date-time', description: "what came in after it is unread: an answer's `latest`" },
    },
    async find({ user_id: id = '' }, { limit = String(NOTES_COUNT), since }) {
      const userId = idOf('user_id', id)
      const asked = { limit: wholeOf('limit', limit, 1, NOTES_MAX), since: since === undefined ? -1 : instantOf('since', since) }
      return notificationsOf(userId, await notes.notes(userId, clock() - NOTES_KEPT_MS), asked)
    },
  })
}
