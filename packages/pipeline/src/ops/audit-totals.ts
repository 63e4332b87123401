import type { DatabaseSync } from 'node:sqlite'
import { CHARGE_KINDS } from '@flowguard/contract'
import { totalsOf, type Sum, type Total } from '../reader/totals.ts'
import { checking, type Check } from './audit-check.ts'

/** What the summary shows is what it says it sums. */
export function totalsCheck(db: DatabaseSync, pendingCount: number): Check {
  const check = checking('totals = what they sum')
  const kept = totalsOf(db)
  let [expected, actual] = [0, 0]
  const compare = (what: Total, { count, amount }: Sum) => {
    const total = kept(what)
    expected += count
    actual += total.count
    if (total.count !== count || total.amount !== amount)
      check.fault(`${what}: ${total.count} of ${total.amount}, but they are ${count} of ${amount}`)
  }
  const charges = db.prepare('select coalesce(sum(count), 0) as count, total(amount) as amount from ad_counters where kind = ?')
  for (const kind of CHARGE_KINDS) compare(kind, charges.get(kind) as unknown as Sum)
  const items = (count: string, amount: string) =>
    db.prepare(`select coalesce(sum(${count}), 0) as count, total(${amount}) as amount from item_counters`).get() as unknown as Sum
  compare('orders', items('orders', 'revenue_paise'))
  compare('attributed', items('attributed_orders', 'attributed_paise'))
  compare('pending', { count: pendingCount, amount: kept('pending').amount })
  return check.done({ detail: 'charges by kind, orders, attributed orders and pending orders: count and amount', expected, actual })
}
