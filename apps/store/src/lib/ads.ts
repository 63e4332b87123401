/** What a shown dish is counted under. Without a campaign it is the dish's own place, and no advertiser pays. */
export interface Ad {
  ad_id: string
  item_id: number
  ad_campaign_id?: string
}

/** The ads in what a file holds; what is none is passed over, for a shop without ads is still a shop. */
export function parseAds(value: unknown): Ad[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry: unknown) => {
    const { ad_id, item_id, campaign_id } = (entry ?? {}) as Record<string, unknown>
    if (typeof ad_id !== 'string' || !Number.isSafeInteger(item_id)) return []
    const ad: Ad = { ad_id, item_id: item_id as number }
    return [typeof campaign_id === 'string' ? { ...ad, ad_campaign_id: campaign_id } : ad]
  })
}

const TURN_MS = 10 * 60_000

/** The ad that a dish is shown under now: those of one dish take turns, so that each gets its part of the day. */
export function adOf(ads: readonly Ad[], itemId: number, nowMs: number): Ad | undefined {
  const own = ads.filter((ad) => ad.item_id === itemId)
  return own[Math.floor(nowMs / TURN_MS) % own.length]
}

/** A dish without an ad is counted by its number: clicks on it earn orders, and cost nobody. */
export const ownPlace = (itemId: number): Ad => ({ ad_id: `food_${itemId}`, item_id: itemId })
