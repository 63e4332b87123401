import type { DatabaseSync } from 'node:sqlite'
import { toPaise, toRupees } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import { guarded, transaction } from '../../kernel/sqlite.ts'
import type { Database, OrderDraft, OrderResult, OutboxRow } from '../database.ts'
import { packRecords, unpackRecords, type OutboxRecord } from '../outbox-rows.ts'
import { orderIdsIn } from './order-ids.ts'
import type { OrderRow } from './tables.ts'

/** A row of the outbox is read as a whole: what is larger is split. */
const OUTBOX_ROW_COUNT_MAX = 1_000

interface Waiting {
  write: () => unknown
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

type Orders = Pick<Database, 'prepareOrders' | 'take' | 'queueHeartbeats' | 'outbox' | 'shipped' | 'outboxVersion'>

/** Orders and their outbox. `flush` commits what still waits: before the store is closed. */
export function ordersIn(db: DatabaseSync, path: string, clock: Clock): Orders & { flush: () => void } {
  const sql = guarded(path, () => ({
    order: db.prepare('select * from orders where order_id = ?'),
    // The gateway's ids rise with time, so the highest is the newest.
    byClientId: db.prepare('select * from orders where user_id = ? and client_order_id = ? order by order_id desc limit 1'),
    addOrder: db.prepare(`insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, 'placed', ?, ?)`),
    setStatus: db.prepare('update orders set status = ?, updated_at = ? where order_id = ?'),
    queue: db.prepare('insert into outbox values (?, ?, ?)'),
    lastQueued: db.prepare("select seq from sqlite_sequence where name = 'outbox'"),
    oldest: db.prepare('select id, records from outbox order by id'),
    shipped: db.prepare('delete from outbox where id <= ?'),
    version: db.prepare('pragma data_version'),
  }))
  const ids = orderIdsIn(db, path)
  const waiting: Waiting[] = []
  /** What this transaction has put into the outbox so far. */
  let queued: OutboxRecord[] = []
  let committed = 0
  let now = ''

  function takeNow(draft: OrderDraft): OrderResult {
    const { eventId, contentHash, userId, headers } = draft
    const seen = ids.find(eventId)
    if (seen) return seen[2] === contentHash ? { kind: 'duplicate', orderId: seen[1] } : { kind: 'conflict' }
    const order = draft.orderType === 'placed' ? place(draft) : changeStatus(draft)
    if (!order) return { kind: 'unknown_order' }
    ids.add([eventId, order.orderId, contentHash])
    queued.push({ key: userId, value: JSON.stringify(order.event), headers })
    return { kind: 'accepted', orderId: order.orderId }
  }

  function place({ orderId, eventId, clientOrderId, userId, event }: OrderDraft) {
    const { item_id, item_name = null, price, quantity } = event as { item_id: number; item_name?: string; price: number; quantity: number }
    sql.addOrder.run(orderId, eventId, clientOrderId, userId, item_id, item_name, toPaise(price), quantity, now, now)
    return { orderId, event }
  }

  /** The event of a status says what the order is, whatever the client sent beside its id. */
  function changeStatus({ clientOrderId, userId, orderType, event }: OrderDraft) {
    const order = clientOrderId === null ? undefined : find(userId, clientOrderId)
    if (!order) return undefined
    sql.setStatus.run(orderType, now, order.order_id)
    const { order_id, item_id, item_name, price_paise, quantity } = order
    return {
      orderId: order_id,
      event: { ...event, order_id, item_id, item_name: item_name ?? undefined, price: toRupees(price_paise), quantity },
    }
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
          ids.write()
          writeQueued()
          step('orders.before-commit')
          return written
        }),
      )
      step('orders.after-commit')
      ids.settle(true)
    } catch (error) {
      ids.settle(false)
      queued = []
      const failure = error instanceof FlowGuardError ? error : new FlowGuardError('log_unavailable', `${path}: ${String(error)}`, error)
      for (const each of group) each.reject(failure)
      return
    }
    committed += 1
    group.forEach((each, at) => each.resolve(results[at]))
  }

  /** The number of a row is that of its last record, so that every record has one. */
  function writeQueued(): void {
    if (queued.length === 0) return
    let { seq: last } = (sql.lastQueued.get() ?? { seq: 0 }) as { seq: number }
    for (let from = 0; from < queued.length; from += OUTBOX_ROW_COUNT_MAX) {
      const part = queued.slice(from, from + OUTBOX_ROW_COUNT_MAX)
      sql.queue.run((last += part.length), part.filter(({ partition }) => partition === undefined).length, packRecords(part))
    }
    queued = []
  }

  function outboxRows(countMax: number): OutboxRow[] {
    const rows: OutboxRow[] = []
    for (const row of sql.oldest.iterate() as Iterable<unknown> as Iterable<{ id: number; records: string }>) {
      const records = unpackRecords(row.records)
      if (rows.length > 0 && rows.length + records.length > countMax) break
      records.forEach((record, at) => void rows.push({ id: row.id - records.length + 1 + at, record }))
    }
    return rows
  }

  function grouped<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push({ write, resolve: resolve as (result: unknown) => void, reject })
    })
  }

  return {
    flush,
    prepareOrders() {
      setImmediate(() => {
        try {
          ids.load()
        } catch {
          // It is closed by now, or the first order tries again, and is refused with what is wrong.
        }
      })
    },
    take: (drafts) => grouped(() => drafts.map(takeNow)),
    queueHeartbeats: (records) =>
      grouped(() => {
        queued.push(...records)
      }),
    outbox: async (countMax) => guarded(path, () => outboxRows(countMax)),
    shipped: (lastId) =>
      grouped(() => {
        sql.shipped.run(lastId)
      }),
    outboxVersion: async () => guarded(path, () => `${(sql.version.get() as { data_version: number }).data_version}/${committed}`),
  }
}
