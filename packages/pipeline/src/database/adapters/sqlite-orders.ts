import type { DatabaseSync } from 'node:sqlite'
import { toPaise, toRupees, type Order } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { guarded, transaction } from '../../kernel/sqlite.ts'
import type { Headers, NewRecord } from '../../log/event-log.ts'
import type { Database, OrderDraft, OrderResult, OutboxRow } from '../database.ts'

interface OrderRow {
  order_id: string
  event_id: string
  client_order_id: string | null
  user_id: string
  item_id: number
  item_name: string | null
  price_paise: number
  quantity: number
  status: string
  created_at: string
  updated_at: string
}

interface Waiting {
  write: () => unknown
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

type Orders = Pick<Database, 'take' | 'order' | 'queueHeartbeats' | 'outbox' | 'shipped' | 'outboxVersion'>

/** Orders and their outbox. `flush` commits what still waits: before the store is closed. */
export function ordersIn(db: DatabaseSync, path: string, clock: Clock): Orders & { flush: () => void } {
  const sql = guarded(path, () => ({
    event: db.prepare('select order_id, content_hash from order_events where event_id = ?'),
    addEvent: db.prepare('insert into order_events values (?, ?, ?)'),
    order: db.prepare('select * from orders where order_id = ?'),
    // The gateway's ids rise with time, so the highest is the newest.
    byClientId: db.prepare('select * from orders where user_id = ? and client_order_id = ? order by order_id desc limit 1'),
    addOrder: db.prepare(`insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, 'placed', ?, ?)`),
    setStatus: db.prepare('update orders set status = ?, updated_at = ? where order_id = ?'),
    queue: db.prepare('insert into outbox (key, value, headers, partition) values (?, ?, ?, ?)'),
    oldest: db.prepare('select id, key, value, headers, partition from outbox order by id limit ?'),
    shipped: db.prepare('delete from outbox where id <= ?'),
    version: db.prepare('pragma data_version'),
  }))
  const waiting: Waiting[] = []
  let committed = 0
  let now = ''

  function takeNow(draft: OrderDraft): OrderResult {
    const seen = sql.event.get(draft.eventId) as { order_id: string; content_hash: string } | undefined
    if (seen) return seen.content_hash === draft.contentHash ? { kind: 'duplicate', orderId: seen.order_id } : { kind: 'conflict' }
    const event = draft.orderType === 'placed' ? place(draft) : changeStatus(draft)
    if (!event) return { kind: 'unknown_order' }
    sql.addEvent.run(draft.eventId, event.order_id, draft.contentHash)
    sql.queue.run(draft.userId, JSON.stringify(event), JSON.stringify(draft.headers), null)
    return { kind: 'accepted', orderId: event.order_id }
  }

  function place({ orderId, eventId, clientOrderId, userId, event }: OrderDraft) {
    const { item_id, item_name = null, price, quantity } = event as { item_id: number; item_name?: string; price: number; quantity: number }
    sql.addOrder.run(orderId, eventId, clientOrderId, userId, item_id, item_name, toPaise(price), quantity, now, now)
    return { ...event, order_id: orderId }
  }

  /** The event of a status says what the order is, whatever the client sent beside its id. */
  function changeStatus({ clientOrderId, userId, orderType, event }: OrderDraft) {
    const order = clientOrderId === null ? undefined : find(userId, clientOrderId)
    if (!order) return undefined
    sql.setStatus.run(orderType, now, order.order_id)
    const { order_id, item_id, item_name, price_paise, quantity } = order
    return { ...event, order_id, item_id, item_name: item_name ?? undefined, price: toRupees(price_paise), quantity }
  }

  function find(userId: string, id: string): OrderRow | undefined {
    const own = sql.order.get(id) as OrderRow | undefined
    return own?.user_id === userId ? own : (sql.byClientId.get(userId, id) as OrderRow | undefined)
  }

  /** Everything that arrived in this turn of the event loop, in the order of arrival, in one transaction with one flush. */
  function flush(): void {
    const group = waiting.splice(0)
    if (group.length === 0) return
    let results: unknown[]
    try {
      now = new Date(clock()).toISOString()
      results = guarded(path, () =>
        transaction(db, () => {
          const written = group.map((each) => each.write())
          step('orders.before-commit')
          return written
        }),
      )
      step('orders.after-commit')
    } catch (error) {
      const failure = error instanceof FlowGuardError ? error : new FlowGuardError('log_unavailable', `${path}: ${String(error)}`, error)
      for (const each of group) each.reject(failure)
      return
    }
    committed += 1
    group.forEach((each, at) => each.resolve(results[at]))
  }

  function grouped<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push({ write, resolve: resolve as (result: unknown) => void, reject })
    })
  }

  return {
    flush,
    take: (draft) => grouped(() => takeNow(draft)),
    async order(orderId) {
      const row = guarded(path, () => sql.order.get(orderId)) as OrderRow | undefined
      return row && asOrder(row)
    },
    queueHeartbeats: (records) =>
      grouped(() => {
        for (const { key, value, headers, partition } of records) sql.queue.run(key, value, JSON.stringify(headers), partition ?? null)
      }),
    outbox: async (countMax) => guarded(path, () => sql.oldest.all(countMax).map((row) => asOutboxRow(row as unknown as StoredRow))),
    shipped: (lastId) =>
      grouped(() => {
        sql.shipped.run(lastId)
      }),
    outboxVersion: () => guarded(path, () => `${(sql.version.get() as { data_version: number }).data_version}/${committed}`),
  }
}

function asOrder({ price_paise, ...row }: OrderRow): Order {
  return { ...row, price: toRupees(price_paise) }
}

interface StoredRow {
  id: number
  key: string
  value: string | Uint8Array
  headers: string
  partition: number | null
}

function asOutboxRow({ id, key, value, headers, partition }: StoredRow): OutboxRow {
  const record: NewRecord = { key, value, headers: JSON.parse(headers) as Headers }
  return { id, record: partition === null ? record : { ...record, partition } }
}
