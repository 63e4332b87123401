import type { DatabaseSync } from 'node:sqlite'
import { chargeOf, type Ad } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import { transaction } from '../kernel/sqlite.ts'

/** Of an ad that is gone. */
const NO_PRICING = ''
/** What is no ad's: the length of a double click. */
const EVERYBODY = ''

/**
 * Notes on what terms billing charges from now on, wherever they differ from what was noted last; reconciliation charges by those that held. At the very first
 * time they hold for all that was before; and when that was, a second note of the double click says.
 */
export function termsIn(db: DatabaseSync, { doubleClickMs, clock }: { doubleClickMs: number; clock: Clock }) {
  const latest = db.prepare('select ad_id as adId, pricing, amount from billing_terms group by ad_id having since = max(since)')
  const insert = db.prepare('insert or replace into billing_terms values (?, ?, ?, ?)')
  return {
    note(ads: readonly Ad[]) {
      const known = new Map((latest.all() as { adId: string; pricing: string; amount: number }[]).map((each) => [each.adId, each]))
      const now = new Map(
        ads.map((ad): [string, { pricing: string; amount: number }] => [ad.adId, { pricing: ad.pricing, amount: chargeOf(ad) }]),
      )
      now.set(EVERYBODY, { pricing: 'double_click', amount: doubleClickMs })
      for (const { adId } of known.values()) if (!now.has(adId)) now.set(adId, { pricing: NO_PRICING, amount: 0 })
      const changed = [...now].filter(([adId, { pricing, amount }]) => {
        const before = known.get(adId)
        return before?.pricing !== pricing || before.amount !== amount
      })
      if (changed.length === 0) return
      const since = known.size === 0 ? 0 : clock()
      transaction(db, () => {
        for (const [adId, { pricing, amount }] of changed) insert.run(adId, since, pricing, amount)
        if (since === 0) insert.run(EVERYBODY, clock(), 'double_click', doubleClickMs)
      })
    },
  }
}
