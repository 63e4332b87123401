import { AdMetrics, dayOf, Order } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import type { BillingView } from '../billing/billing-view.ts'
import type { Database } from '../database/database.ts'
import { DATE, dayIn, idOf, readingRoute, TEXT, WHOLE, wholeOf } from '../http/parameters.ts'
import type { Clock } from '../kernel/lifecycle.ts'

interface ReadDeps {
  database: Pick<Database, 'order'>
  billing: Pick<BillingView, 'itemDay'>
  clock: Clock
}

/** Orders and the ads' figures, as the database and the counters have them. */
export function readRoutes(app: FastifyInstance, { database, billing, clock }: ReadDeps): void {
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
}
