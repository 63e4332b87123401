import type { Ad, Food } from '@flowguard/contract'
import type { Statements } from '../../kernel/postgres.ts'
import type { DatabaseView, OrderEventSeen, OrderSeen } from '../database-view.ts'
import { unpackRecords, type OutboxRecord } from '../outbox-rows.ts'

/** Order events, and rows of the outbox, of one step of a walk over all. */
const EVENTS_COUNT = 5_000
const OUTBOX_ROWS_COUNT = 200
const ORDER = 'select order_id, event_id, user_id, status, created_at, updated_at from orders'

/** A look at operational tables in PostgreSQL: as they are, or as the transaction sees them whose statements these are. */
export function postgresDatabaseView(on: Statements): DatabaseView {
  const rows = <Row>(...asked: Parameters<Statements['rows']>) => on.rows<Row>(...asked)

  async function* orderEvents(): AsyncGenerator<readonly OrderEventSeen[]> {
    for (let last = ''; ;) {
      const some = await rows<OrderEventSeen>(
        'select event_id as "eventId", order_id as "orderId" from order_events where event_id > $1 order by event_id limit $2',
        [last, EVENTS_COUNT],
      )
      if (some.length > 0) yield some
      if (some.length < EVENTS_COUNT) return
      last = (some.at(-1) as OrderEventSeen).eventId
    }
  }

  async function* outbox(): AsyncGenerator<readonly OutboxRecord[]> {
    for (let last = 0; ;) {
      const some = await rows<{ id: number; records: string }>('select id, records from outbox where id > $1 order by id limit $2', [
        last,
        OUTBOX_ROWS_COUNT,
      ])
      for (const { records } of some) yield unpackRecords(records)
      const { id } = some.at(-1) ?? {}
      if (id === undefined || some.length < OUTBOX_ROWS_COUNT) return
      last = id
    }
  }

  const orderWhere = async (condition: string, id: string) => (await rows<OrderSeen>(`${ORDER} where ${condition}`, [id]))[0]

  return {
    orderOf: async (id) =>
      (await orderWhere('order_id = $1', id)) ??
      (await orderWhere('order_id = (select order_id from order_events where event_id = $1)', id)),
    async orders(ids) {
      if (ids.length === 0) return new Map()
      const found = await rows<OrderSeen>(`${ORDER} where order_id = any($1::text[])`, [ids])
      return new Map(found.map((order) => [order.order_id, order]))
    },
    eventsOf: async (orderId) =>
      (await rows<{ id: string }>('select event_id as id from order_events where order_id = $1', [orderId])).map(({ id }) => id),
    orderEvents,
    ordersWithoutEvent: async () =>
      (
        await rows<{ id: string }>(
          'select order_id as id from orders o where not exists (select 1 from order_events e where e.event_id = o.event_id)',
        )
      ).map(({ id }) => id),
    outboxOrders: async () => (await rows<{ count: number }>('select coalesce(sum(orders), 0) as count from outbox'))[0]?.count ?? 0,
    outbox,
    outboxWith: async (text) =>
      (await rows<{ records: string }>('select records from outbox where strpos(records, $1) > 0', [text])).flatMap(({ records }) =>
        unpackRecords(records),
      ),
    foods: () => rows<Pick<Food, 'food_id' | 'name' | 'category'>>('select food_id, name, category from foods'),
    ads: () =>
      rows<Ad>(
        `select ad_id as "adId", item_id as "itemId", campaign_id as "campaignId", advertiser_id as "advertiserId", pricing
         from ads order by ad_id`,
      ),
    ad: async (adId) => (await rows<Pick<Ad, 'pricing'>>('select pricing from ads where ad_id = $1', [adId]))[0],
  }
}
