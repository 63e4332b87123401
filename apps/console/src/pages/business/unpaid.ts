import type { AdFigures } from 'flowguard/answers'

/** What is shown and clicked under no advertiser's ad, such as a dish's own place: one row behind the ads that somebody pays for. */
export const UNPAID = 'no ad'

export function withUnpaid(ads: readonly AdFigures[]): AdFigures[] {
  const paid = ads.filter(({ advertiser_id: advertiser }) => advertiser !== null)
  const others = ads.filter(({ advertiser_id: advertiser }) => advertiser === null)
  if (others.length === 0) return paid
  const sum = (of: (ad: AdFigures) => number) => others.reduce((total, ad) => total + of(ad), 0)
  const [impressions, clicks, attributed] = [
    sum(({ impressions: each }) => each),
    sum(({ clicks: each }) => each),
    sum(({ attributed_orders: each }) => each),
  ]
  // In paise, for sums of decimals are not exact.
  const revenue = sum(({ attributed_revenue: each }) => Math.round(each * 100)) / 100
  const counted = { impressions, clicks, attributed_orders: attributed, attributed_revenue: revenue }
  const rates = { ctr: impressions === 0 ? 0 : clicks / impressions, cvr: clicks === 0 ? 0 : attributed / clicks }
  return [...paid, { ad_id: UNPAID, campaign_id: null, advertiser_id: null, item_id: null, ...counted, ...rates }]
}
