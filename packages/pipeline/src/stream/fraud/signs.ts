import type { FraudRules } from '../../alerts/rules.ts'
import type { Step } from '../step.ts'
import { overLimits } from './over-limits.ts'
import { recentCounts, secondOf } from './recent.ts'
import type { UsualValues } from './usual-values.ts'

/** So many minutes before say what clicks on an ad are usual. */
export const USUAL_MINUTES = 15
const MINUTE_SECONDS = 60
const PAISE_A_RUPEE = 100

/**
 * Signs of fraud over what users do, in the order of event time: the same come out of the same steps, however they are cut into batches. In memory is what lies within
 * two windows, and what is over a limit. What bots do that say so is no step: it counts nowhere and is charged to nobody. Double clicks are steps like others.
 */
export function fraudSigns(values: UsualValues) {
  const over = overLimits()
  const perMinute = recentMinutes()
  let rules: FraudRules = {}

  function addClick(step: Step & { adId: string }) {
    const { userId, adId, address, ts } = step
    const { clicks_per_user: ofUser, clicks_per_ad: ofAd, clicks_per_address: ofAddress } = rules
    if (ofUser) over.count('clicks_per_user', userId, ts, '', ofUser.at_least)
    if (ofAd) {
      const perMinuteUsual = perMinute.add(adId, secondOf(ts))
      const usual = (perMinuteUsual * ofAd.within_seconds) / MINUTE_SECONDS
      over.count('clicks_per_ad', adId, ts, '', Math.max(ofAd.at_least, Math.ceil(ofAd.times_usual * usual)))
    }
    if (ofAddress && address !== null) over.count('clicks_per_address', address, ts, '', ofAddress.at_least)
  }

  function addOrder(step: Step) {
    const { id, userId, itemId, paise, ts } = step
    const { orders_per_user: perUser, order_value: byValue } = rules
    if (perUser) over.count('orders_per_user', userId, ts, '', perUser.at_least)
    if (!byValue || itemId === null) return
    const { times_usual: timesUsual, sigmas, at_least_rupees: rupees } = byValue
    const usual = values.judge(itemId, paise, { timesUsual, sigmas, paiseMin: rupees * PAISE_A_RUPEE })
    values.learn(itemId, paise)
    if (usual) over.count('order_value', userId, ts, '', 1, { ...usual, orderEventId: id, itemId, paise })
  }

  return {
    follow(next: FraudRules, at: number) {
      if (next === rules) return
      rules = next
      over.declare(next, at)
    },
    clear() {
      over.clear()
      perMinute.clear()
    },
    /** A step, in the order of time. `isKnown`: it was one already before a restart, and what its order came to is kept elsewhere. */
    add(step: Step, isKnown = false) {
      const { kind, adId, address, userId, ts } = step
      over.endBy(ts)
      if (kind === 'order') {
        if (!isKnown) addOrder(step)
        else if (rules.orders_per_user) over.count('orders_per_user', userId, ts, '', rules.orders_per_user.at_least)
      } else if (kind === 'click' && adId !== null) addClick({ ...step, adId })
      const accounts = rules.accounts_per_address
      if (accounts && address !== null) over.count('accounts_per_address', address, ts, userId, accounts.at_least)
    },
    restore: over.restore,
    /** Time has come to `ts`: what ended by then has. */
    pass: over.endBy,
    take: over.take,
    isOver: over.isOver,
  }
}

/** Clicks by ad and minute: what is counted in seconds elsewhere is in minutes here. */
function recentMinutes() {
  const counts = recentCounts(USUAL_MINUTES + 1)
  return {
    clear: () => counts.clear(),
    /** Returns how many a minute there were in the full minutes before this one. */
    add(adId: string, second: number): number {
      const minute = Math.floor(second / MINUTE_SECONDS)
      counts.add(adId, minute, '')
      return counts.countBefore(adId, minute) / USUAL_MINUTES
    },
  }
}
