import type { DatabaseSync } from 'node:sqlite'
import type { ChargeKind } from '@flowguard/contract'

/** Sums over all that the readers keep, so that nobody has to add it up to look at it. Written in the transaction that changes what they sum. */
export const TOTALS_SCHEMA = `
  create table if not exists totals (what text primary key, count integer not null, amount integer not null) strict, without rowid;
`

/**
 * Charges by kind in milli-paise; orders, and those of them that a click has earned, in paise. `pending` are orders that wait for the watermark: its amount is
 * the highest watermark that orders were answered by.
 */
export type Total = ChargeKind | 'orders' | 'attributed' | 'pending'

export interface Sum {
  count: number
  amount: number
}

export function totalsIn(db: DatabaseSync) {
  const add = db.prepare(`insert into totals values (?, ?, ?)
    on conflict do update set count = count + excluded.count, amount = amount + excluded.amount`)
  const put = db.prepare('insert or replace into totals values (?, ?, ?)')
  return {
    add(what: Total, { count, amount }: Sum) {
      if (count !== 0 || amount !== 0) add.run(what, count, amount)
    },
    put: (what: Total, { count, amount }: Sum) => void put.run(what, count, amount),
  }
}

/** Amounts may be beyond what a number holds exactly: they are as near as it comes. */
export function totalsOf(db: DatabaseSync): (what: Total) => Sum {
  const rows = db.prepare('select what, count, cast(amount as real) as amount from totals').all() as unknown as (Sum & { what: Total })[]
  const sums = new Map(rows.map(({ what, count, amount }) => [what, { count, amount }]))
  return (what) => sums.get(what) ?? { count: 0, amount: 0 }
}
