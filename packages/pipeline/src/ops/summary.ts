import { CHARGE_KINDS, GENERAL, milliToRupees, toRupees } from '@flowguard/contract'
import { totalsOf } from '../reader/totals.ts'
import { groupsNow, outside, type Groups, type Outside } from './groups.ts'
import type { Stores } from './stores.ts'

export interface Summary {
  /** Events in the raw topics since the log began, without heartbeats. What the stream has yet to read is counted as events. */
  events_total: number
  /** Orders answered by the stream, bots' aside, and how many of them are due to a click. */
  orders: number
  attributed: number
  /** Rupees. */
  revenue: number
  attributed_revenue: number
  /** Charges less credits: rows of the ledger, and rupees. */
  charged: { count: number; amount: number }
  /** Records that the reader furthest behind has yet to read. */
  lag: number
  readers: { name: string; lag: number; caught_up: boolean }[]
  watermark_ms: number | null
  pending_orders: number
  /** Order events on their way from the database to the log. */
  outbox: number
  late: number
  /** Dead letters that nobody has retried or dropped yet. */
  dead: number
}

/** The state of everything, from counters and places alone: cheap enough for each second, however long the log is. */
export async function summary(stores: Stores): Promise<Summary> {
  const seen = await outside(stores)
  return summaryNow(stores, seen, groupsNow(stores, seen))
}

/** The same, of what has been read already: nothing is awaited. */
export function summaryNow(stores: Pick<Stores, 'pipeline'>, seen: Outside, state: Groups): Summary {
  const db = stores.pipeline?.db
  const one = (sql: string) => (db?.prepare(sql).get() ?? {}) as Record<string, number | null>
  const totalOf = db ? totalsOf(db) : () => ({ count: 0, amount: 0 })
  const [orders, attributed] = [totalOf('orders'), totalOf('attributed')]
  const charges = CHARGE_KINDS.map((kind) => ({ kind, ...totalOf(kind) }))
  const settled = one('select count(distinct dead_id) as count from dead_actions')['count'] ?? 0
  const tallied = (key: 'late' | 'dead', reader?: string) =>
    state.readers.filter(({ name }) => !reader || name === reader).reduce((sum, { tally }) => sum + tally[key], 0)
  return {
    events_total: eventsTotal(seen, state),
    orders: orders.count,
    attributed: attributed.count,
    revenue: toRupees(orders.amount),
    attributed_revenue: toRupees(attributed.amount),
    charged: {
      count: charges.reduce((sum, { kind, count }) => sum + (kind === 'credit' ? -count : count), 0),
      amount: milliToRupees(charges.reduce((sum, { amount }) => sum + amount, 0)),
    },
    // Loader and lake go by batches: they are behind by seconds, and nobody waits for them.
    lag: Math.max(...state.readers.map(({ name, lag }) => (name === 'loader' || name === 'lake' ? 0 : lag))),
    readers: state.readers.map(({ name, lag, caught_up }) => ({ name, lag, caught_up })),
    watermark_ms: state.watermark_ms,
    pending_orders: totalOf('pending').count,
    outbox: seen.outbox,
    late: tallied('late', 'stream'),
    dead: Math.max(0, tallied('dead') - settled),
  }
}

/** What the stream has read without heartbeats, what it has yet to read, and the general lane, which carries none. */
function eventsTotal({ ends }: Outside, { readers }: Groups): number {
  const stream = readers.find(({ name }) => name === 'stream')?.partitions ?? []
  const timed = stream.reduce((sum, { end, heartbeats }) => sum + end - heartbeats, 0)
  return (ends.get(GENERAL) ?? []).reduce((sum, end) => sum + end, timed)
}
