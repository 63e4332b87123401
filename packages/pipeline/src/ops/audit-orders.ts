import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, ORDERS, parseLogged } from '@flowguard/contract'
import type { DatabaseView } from '../database/database-view.ts'
import { onlyPartitionOf } from '../erasure/erased-place.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import type { AttributedBooks } from './audit-attributed.ts'
import { checking, type Check } from './audit-check.ts'
import type { DeadBooks } from './audit-dead.ts'
import { settledIn } from './audit-recon.ts'
import { isTrimmed, keptSinceMs, type PartitionWalk } from './audit-walk.ts'

interface Books {
  edge: DatabaseView | undefined
  /** The pipeline's. */
  db: DatabaseSync | undefined
  attributed: AttributedBooks
  walks: readonly PartitionWalk[]
  /** Event ids of the orders that wait for the watermark. */
  pending: ReadonlySet<string>
}

interface Placed {
  appendedAt: number
  /** Every time that the stream met it, it became a dead letter. */
  isDead: boolean
}

/** Orders from the database to the log, and from the log to their answers. */
export function orderBooks(standings: readonly Standing[], dead: DeadBooks) {
  const logged = new Set<string>()
  const placed = new Map<string, Placed>()
  const places = new Map(
    standings.filter(({ reader, topic }) => reader === 'stream' && topic === ORDERS).map((each) => [each.partition, each]),
  )
  const unburied: string[] = []

  function visit(record: LogRecord) {
    const event = parseLogged(record.value)
    if (!('invalid' in event) && event.event_type === 'order') logged.add(event.event_id)
    const place = places.get(record.partition)
    if (!place || record.offset < place.began || record.offset >= place.next) return
    const isDead = dead.has('stream', record)
    if ('invalid' in event) {
      if (!isDead) unburied.push(`${ORDERS}-${record.partition}@${record.offset}`)
    } else if (event.event_type === 'order' && event.order_type === 'placed') {
      const before = placed.get(event.event_id)
      if (!before) placed.set(event.event_id, { appendedAt: record.appendedAt, isDead })
      else before.isDead &&= isDead
    }
  }

  return {
    visit,
    async checks(books: Books): Promise<Check[]> {
      const checks = books.edge ? [await acceptedCheck(books.edge, logged, books.walks)] : []
      return books.db ? [...checks, answeredCheck(books.db, placed, unburied, books)] : checks
    },
  }
}

/** Every order event of the database is in the outbox of the same moment, or in the log of a later one. */
async function acceptedCheck(edge: DatabaseView, logged: ReadonlySet<string>, walks: readonly PartitionWalk[]): Promise<Check> {
  const check = checking('orders accepted = in the log or the outbox')
  const waiting = new Set<string>()
  for await (const records of edge.outbox()) {
    for (const { partition, value } of records) {
      if (partition === undefined) waiting.add((JSON.parse(value) as { event_id: string }).event_id)
    }
  }
  const partitions = walks.filter(({ topic }) => topic === ORDERS).length
  let [expected, actual, beyond] = [0, 0, 0]
  for await (const events of edge.orderEvents()) {
    const missing = events.filter(({ eventId }) => !logged.has(eventId) && !waiting.has(eventId))
    expected += events.length
    actual += events.length - missing.length
    const orders = await edge.orders(missing.map(({ orderId }) => orderId))
    for (const { eventId, orderId } of missing) {
      const order = orders.get(orderId)
      const keptSince = !order || partitions === 0 ? -Infinity : keptSinceMs(walks, ORDERS, onlyPartitionOf(order.user_id, partitions))
      if (order && Date.parse(order.created_at) <= keptSince) beyond += 1
      else check.fault(`${eventId} (order ${orderId}): neither in the outbox nor in ${ORDERS}`)
    }
  }
  for (const orderId of await edge.ordersWithoutEvent()) {
    check.fault(`order ${orderId}: the event that placed it is not among the order events`)
  }
  const detail = `order events of the database, by id${beyond > 0 ? `; ${beyond} of them older than what the log keeps` : ''}`
  return check.done({ detail, expected: expected - beyond, actual })
}

/** Every order that the stream has read is answered once, or pending, or late, or dead, or settled by reconciliation; and there is no answer without an order. */
function answeredCheck(
  db: DatabaseSync,
  placed: ReadonlyMap<string, Placed>,
  unburied: readonly string[],
  { attributed, walks, pending }: Books,
): Check {
  const check = checking('every order read has one answer')
  const settled = settledIn(db)
  const lateRows = db.prepare(`select event_id as id from late_events where topic = '${ORDERS}'`).all() as { id: string }[]
  const late = new Set(lateRows.map(({ id }) => id))
  const keptSince = keptSinceMs(walks, ATTRIBUTED)
  let [expected, actual] = [0, 0]
  for (const [id, { appendedAt, isDead }] of placed) {
    const answers = attributed.answers.get(id) ?? 0
    const times = answers + (pending.has(id) ? 1 : 0) + (late.has(id) ? 1 : 0)
    if (times === 0 && (isDead || appendedAt <= keptSince)) continue
    if (times !== 1 && settled.hasOrder(id, answers)) continue
    expected += 1
    actual += times
    if (times !== 1)
      check.fault(`${id}: ${times === 0 ? 'neither answered nor pending, late or dead' : `answered or pending ${times} times`}`)
  }
  for (const where of unburied) check.fault(`${where}: not a valid order, and no dead letter`)
  for (const [orderId, eventId] of attributed.ordersTwice)
    if (!settled.hasOrder(eventId, attributed.answers.get(eventId) ?? 0)) check.fault(`order ${orderId}: answered twice`)
  if (!isTrimmed(walks, ORDERS)) {
    for (const [id, answers] of attributed.answers)
      if (!placed.has(id) && !settled.hasOrder(id, answers)) check.fault(`${id}: answered, and not among the orders read`)
    for (const id of pending) if (!placed.has(id)) check.fault(`${id}: pending, and not among the orders read`)
  }
  return check.done({
    detail: `placed orders before the stream's places against ${ATTRIBUTED}, pending and late orders, by id`,
    expected,
    actual,
  })
}
