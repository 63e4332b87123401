import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED } from '@flowguard/contract'
import type { AttributedBooks } from './audit-attributed.ts'
import { checking, type Check } from './audit-check.ts'
import { settledIn } from './audit-recon.ts'
import { keptSinceMs, type PartitionWalk } from './audit-walk.ts'

interface Books {
  attributed: AttributedBooks
  walks: readonly PartitionWalk[]
}

/** The ledger against its counters, credits against charges, and what the metrics count against the attributed topic. */
export function billingChecks(db: DatabaseSync, books: Books): Check[] {
  return [ledgerCheck(db), creditCheck(db), itemCheck(db, books), adCheck(db, books)]
}

function ledgerCheck(db: DatabaseSync): Check {
  const check = checking('ledger = counters')
  const sums = db
    .prepare('select ad_id, day, kind, count(*) as count, sum(amount) as amount from ledger group by ad_id, day, kind')
    .iterate()
  const counters = new Map<string, { count: number; amount: number }>()
  let [expected, actual] = [0, 0]
  for (const row of db.prepare('select ad_id, day, kind, count, amount from ad_counters').iterate()) {
    const { ad_id, day, kind, count, amount } = row as Record<string, string | number> & { count: number; amount: number }
    counters.set(`ad ${ad_id} ${day} ${kind}`, { count, amount })
    actual += count
  }
  for (const row of sums) {
    const { ad_id, day, kind, count, amount } = row as Record<string, string | number> & { count: number; amount: number }
    expected += count
    const key = `ad ${ad_id} ${day} ${kind}`
    const counter = counters.get(key) ?? { count: 0, amount: 0 }
    counters.delete(key)
    if (counter.count !== count || counter.amount !== amount) {
      check.fault(`${key}: ledger ${count} rows of ${amount}, counter ${counter.count} of ${counter.amount} milli-paise`)
    }
  }
  for (const [key, { count, amount }] of counters) {
    if (count !== 0 || amount !== 0) check.fault(`${key}: ledger 0 rows of 0, counter ${count} of ${amount} milli-paise`)
  }
  return check.done({ detail: 'count and amount by ad, day and kind', expected, actual })
}

/** Every order's charge is a row of the ledger, and so is its credit, which it has if it was cancelled, and else not; unless reconciliation has settled it. */
function creditCheck(db: DatabaseSync): Check {
  const check = checking('every credit has its charge')
  const settled = settledIn(db)
  const rows = new Map<string, number>()
  const add = (kind: string, amount: number, eventId: string, adId: string, count: number) => {
    const row = `${kind} of ${amount} for ${eventId} to ad ${adId}`
    if (!settled.hasCharge(kind, eventId, adId)) rows.set(row, (rows.get(row) ?? 0) + count)
  }
  const charges = db
    .prepare(
      `select o.order_id as orderId, o.event_id as eventId, ad_id as adId, amount, credited_by as creditedBy, c.event_id as cancelledBy
       from order_charges o left join cancellations c using (order_id)`,
    )
    .iterate()
  let [expected, actual] = [0, 0]
  for (const each of charges) {
    const { orderId, eventId, adId, amount, creditedBy, cancelledBy } = each as unknown as OrderCharge
    expected += creditedBy === null ? 1 : 2
    add('cpa', amount, eventId, adId, 1)
    if (creditedBy !== null) add('credit', -amount, creditedBy, adId, 1)
    if (cancelledBy !== creditedBy)
      check.fault(`order ${orderId}: cancelled by ${cancelledBy ?? 'nothing'}, credited by ${creditedBy ?? 'nothing'}`)
  }
  for (const each of db
    .prepare(
      `select kind, amount, event_id as eventId, ad_id as adId from ledger left join recon_applied r on r.ledger_seq = ledger.seq
       where kind in ('cpa', 'credit') and r.ledger_seq is null`,
    )
    .iterate()) {
    const { kind, amount, eventId, adId } = each as unknown as { kind: string; amount: number; eventId: string; adId: string }
    actual += 1
    add(kind, amount, eventId, adId, -1)
  }
  for (const [row, count] of rows) if (count !== 0) check.fault(`${row}: ${count > 0 ? 'missing in' : 'only in'} the ledger`)
  return check.done({ detail: 'charges for orders and their credits against the ledger, in milli-paise', expected, actual })
}

interface OrderCharge {
  orderId: string
  eventId: string
  adId: string
  amount: number
  creditedBy: string | null
  cancelledBy: string | null
}

/** What the metrics count of orders, by item and by ad, is what the attributed topic holds, as far as it was read and is kept. */
function itemCheck(db: DatabaseSync, { attributed, walks }: Books): Check {
  return countersCheck('order counters = attributed orders', {
    what: 'item',
    detail: 'orders, attributed orders and their revenue in paise, by item and day',
    counted: `select item_id as id, day, orders, attributed_orders as attributed, revenue_paise as revenue, attributed_paise as attributedRevenue
       from item_counters`,
    found: attributed.items,
    figures: ['orders', 'attributed', 'revenue', 'attributedRevenue'],
    db,
    walks,
  })
}

function adCheck(db: DatabaseSync, { attributed, walks }: Books): Check {
  return countersCheck('order counters by ad = attributed orders', {
    what: 'ad',
    detail: 'attributed orders and their revenue in paise, by ad and day, since they are counted so',
    counted: 'select ad_id as id, day, attributed_orders as attributed, attributed_paise as attributedRevenue from ad_days',
    found: attributed.ads,
    figures: ['attributed', 'attributedRevenue'],
    db,
    walks,
  })
}

/** By partition, where counting by ad began: from the start where the store has always done so. */
export function adsBeganAt(db: DatabaseSync): Map<number, number> {
  const rows = db.prepare('select partition, offset from ad_days_began').all() as { partition: number; offset: number }[]
  return new Map(rows.map(({ partition, offset }) => [partition, offset]))
}

interface Counters<Figure extends string> {
  what: string
  detail: string
  /** Rows of `id`, `day` and the figures. */
  counted: string
  /** By day and id. */
  found: ReadonlyMap<string, Readonly<Record<Figure, number>>>
  /** The first is what is summed. */
  figures: readonly [Figure, ...Figure[]]
  db: DatabaseSync
  walks: readonly PartitionWalk[]
}

function countersCheck<Figure extends string>(
  name: string,
  { what, detail, found, figures, db, walks, ...asked }: Counters<Figure>,
): Check {
  const check = checking(name)
  const keptSince = keptSinceMs(walks, ATTRIBUTED)
  const none = Object.fromEntries(figures.map((figure) => [figure, 0])) as Record<Figure, number>
  const left = new Map(found)
  let [expected, actual] = [0, 0]
  const compare = (day: string, id: number | string, counted: Readonly<Record<Figure, number>>) => {
    const inTopic = left.get(`${day} ${id}`) ?? none
    left.delete(`${day} ${id}`)
    // Of a day that retention may have reached, the topic has no more than was counted.
    const isWhole = Date.parse(day) > keptSince
    expected += isWhole ? inTopic[figures[0]] : counted[figures[0]]
    actual += counted[figures[0]]
    const differs = figures.filter((key) => (isWhole ? counted[key] !== inTopic[key] : counted[key] < inTopic[key]))
    if (differs.length > 0)
      check.fault(`${what} ${id} ${day}: ${differs.map((key) => `${key} ${counted[key]}, in the topic ${inTopic[key]}`).join('; ')}`)
  }
  type CounterRow = Record<Figure, number> & { id: number | string; day: string }
  for (const row of db.prepare(asked.counted).iterate() as Iterable<unknown> as Iterable<CounterRow>) compare(row.day, row.id, row)
  for (const key of left.keys()) compare(key.slice(0, DAY_CHARS), key.slice(DAY_CHARS + 1), none)
  return check.done({ detail, expected, actual })
}

const DAY_CHARS = '2026-01-31'.length
