import { isoOf, MINUTE_MS, toRupees, type AdWindow } from '@flowguard/contract'
import type { Step } from '../step.ts'

interface Counts {
  itemId: number | null
  campaignId: string | null
  impressions: number
  clicks: number
  validClicks: number
  orders: number
  attributedOrders: number
  paise: number
}

/** The full minute that a time lies in. */
export const minuteOf = (ts: number) => Math.floor(ts / MINUTE_MS) * MINUTE_MS

/** Tumbling windows of one minute of event time, by item and campaign (CONTRACT, Topics). In memory are those that are open. */
export function adWindows() {
  const open = new Map<number, Map<string, Counts>>()

  return {
    clear: () => open.clear(),
    /** `isDouble`: whether it is a double click, which does not count as valid. */
    add({ kind, ts, itemId, campaignId, paise, isAttributed }: Step, isDouble: boolean) {
      const minute = minuteOf(ts)
      let window = open.get(minute)
      if (!window) open.set(minute, (window = new Map()))
      const key = windowKey(itemId, campaignId)
      let counts = window.get(key)
      if (!counts) window.set(key, (counts = noCounts(itemId, campaignId)))
      if (kind === 'impression') counts.impressions += 1
      else if (kind === 'click') {
        counts.clicks += 1
        if (!isDouble) counts.validClicks += 1
      } else {
        counts.orders += 1
        counts.paise += paise
        if (isAttributed) counts.attributedOrders += 1
      }
    },
    /** The windows that end at or before the watermark, in the order of time: nothing can come into them any more. */
    close(watermark: number): AdWindow[] {
      const closed = [...open.keys()].filter((minute) => minute + MINUTE_MS <= watermark).sort((a, b) => a - b)
      return closed.flatMap((minute) => {
        const rows = [...(open.get(minute) as Map<string, Counts>).values()].map((counts) => rowOf(minute, counts))
        open.delete(minute)
        return rows
      })
    },
  }
}

/** The key of a window's record: so all windows of an item and campaign lie in one partition. */
export const windowKey = (itemId: number | null, campaignId: string | null) => `${itemId ?? ''}/${campaignId ?? ''}`

const noCounts = (itemId: number | null, campaignId: string | null): Counts => ({
  itemId,
  campaignId,
  impressions: 0,
  clicks: 0,
  validClicks: 0,
  orders: 0,
  attributedOrders: 0,
  paise: 0,
})

function rowOf(
  minute: number,
  { itemId, campaignId, impressions, clicks, validClicks, orders, attributedOrders, paise }: Counts,
): AdWindow {
  return {
    window_start: isoOf(minute),
    window_end: isoOf(minute + MINUTE_MS),
    item_id: itemId,
    campaign_id: campaignId,
    impressions,
    clicks,
    valid_clicks: validClicks,
    orders,
    attributed_orders: attributedOrders,
    revenue: toRupees(paise),
    ctr: ratio(clicks, impressions),
    cvr: ratio(attributedOrders, clicks),
  }
}

const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
