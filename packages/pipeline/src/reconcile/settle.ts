import { milliToRupees } from '@flowguard/contract'
import type { ChargeFound } from './compare-sql.ts'
import { isClosed } from './period.ts'

/** In milli-paise: what is added to the ledger, and what is not, though it differs. Together they are what was missing. */
export interface Amounts {
  amount: number
  waived: number
  /** For people. */
  note?: string
}

type Found = Pick<
  ChargeFound,
  'kind' | 'ad_id' | 'order_id' | 'day' | 'batch_amount' | 'stream_amount' | 'settled_amount' | 'settled_waived' | 'order_waived'
>
interface Rules {
  closeDays: number
  now: number
}

/**
 * By how much each is put right. A closed period changes by credits only: what would be charged there is waived. What was waived was never charged: it is not
 * given back either, nor, of an order, by the credit of its cancellation; and what such a credit did not give back is not charged again.
 */
export function settle<Each extends Found>(charges: readonly Each[], rules: Rules): Map<Each, Amounts> {
  const settled = new Map<Each, Amounts>()
  const waivedOf = new Map<string, number>()
  const lackingOf = (each: Found) => each.batch_amount - each.stream_amount - each.settled_amount + each.settled_waived
  // Charges first: what is waived of them, credits of the same order have to know.
  for (const each of charges.toSorted((a, b) => lackingOf(b) - lackingOf(a))) {
    const lacking = lackingOf(each)
    const key = each.order_id === null ? undefined : JSON.stringify([each.order_id, each.ad_id])
    const ofOrder = (key === undefined ? undefined : waivedOf.get(key)) ?? each.order_waived
    const ofOthers = key === undefined ? 0 : ofOrder - each.settled_waived
    const isShut = lacking > 0 && isClosed(each.day, rules)
    const amount = lacking > 0 ? (isShut ? 0 : Math.max(0, lacking + Math.min(0, ofOthers))) : Math.min(0, lacking + Math.max(0, ofOthers))
    const waived = lacking - each.settled_waived - amount
    if (key !== undefined) waivedOf.set(key, ofOrder + waived)
    settled.set(each, { amount, waived, ...noteOf(each, waived, isShut) })
  }
  return settled
}

function noteOf({ day }: Found, waived: number, isShut: boolean): { note?: string } {
  if (isShut) return { note: `not charged any more: ${day.slice(0, 'yyyy-mm'.length)} is closed` }
  return waived < 0 ? { note: `₹${milliToRupees(-waived)} of it was never charged` } : {}
}
