import type { DatabaseSync } from 'node:sqlite'
import type { Ad, Food } from '@flowguard/contract'
import { asyncWalk } from '../../kernel/async-walk.ts'
import type { DatabaseView, OrderEventSeen, OrderSeen } from '../database-view.ts'
import { unpackRecords, type OutboxRecord } from '../outbox-rows.ts'

/** Order events of one step of a walk over all. */
const EVENTS_COUNT = 500
const ORDER = 'select order_id, event_id, user_id, status, created_at, updated_at from orders where order_id'

/** A look at operational tables in SQLite: as they are, or as the transaction that is open on the connection sees them. */
export function sqliteDatabaseView(db: DatabaseSync): DatabaseView {
  const order = db.prepare(`${ORDER} = ?`)
  const orderByEvent = db.prepare(`${ORDER} = (select order_id from order_events where event_id = ?)`)
  const found = (id: string) => order.get(id) as unknown as OrderSeen | undefined
  const all = <T>(sql: string, ...values: string[]) => db.prepare(sql).all(...values) as unknown as T[]

  function* orderEvents(): Generator<readonly OrderEventSeen[]> {
    let some: OrderEventSeen[] = []
    for (const each of db.prepare('select event_id as eventId, order_id as orderId from order_events').iterate()) {
      some.push(each as unknown as OrderEventSeen)
      if (some.length < EVENTS_COUNT) continue
      yield some
      some = []
    }
    if (some.length > 0) yield some
  }

  function* outbox(): Generator<readonly OutboxRecord[]> {
    for (const { records } of db.prepare('select records from outbox').iterate() as Iterable<unknown> as Iterable<{ records: string }>)
      yield unpackRecords(records)
  }

  return {
    orderOf: async (id) => found(id) ?? (orderByEvent.get(id) as unknown as OrderSeen | undefined),
    orders: async (ids) =>
      new Map(
        ids.flatMap((id) => {
          const row = found(id)
          return row ? [[id, row]] : []
        }),
      ),
    eventsOf: async (orderId) =>
      all<{ id: string }>('select event_id as id from order_events where order_id = ?', orderId).map(({ id }) => id),
    orderEvents: () => asyncWalk(orderEvents),
    ordersWithoutEvent: async () =>
      all<{ id: string }>('select order_id as id from orders where event_id not in (select event_id from order_events)').map(
        ({ id }) => id,
      ),
    outboxOrders: async () => (db.prepare('select total(orders) as count from outbox').get() as { count: number }).count,
    outbox: () => asyncWalk(outbox),
    outboxWith: async (text) =>
      all<{ records: string }>('select records from outbox where instr(records, ?) > 0', text).flatMap(({ records }) =>
        unpackRecords(records),
      ),
    foods: async () => all<Pick<Food, 'food_id' | 'name' | 'category'>>('select food_id, name, category from foods'),
    ads: async () =>
      all<Ad>(
        'select ad_id as adId, item_id as itemId, campaign_id as campaignId, advertiser_id as advertiserId, pricing from ads order by ad_id',
      ),
    ad: async (adId) => all<Pick<Ad, 'pricing'>>('select pricing from ads where ad_id = ?', adId)[0],
  }
}
