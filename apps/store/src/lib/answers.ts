import { readFile } from 'node:fs/promises'
import { cache } from 'react'
import { adOf, parseAds, type Ad } from './ads.ts'
import { parseFood, type Food } from './food.ts'
import { parseNotifications } from './notifications.ts'
import { parseOrder, type Order } from './order.ts'
import { storeSettings } from './settings.ts'

const ANSWER_MS_MAX = 2_500

export type Answer<T> = { kind: 'found'; value: T } | { kind: 'absent' } | { kind: 'unavailable' }

/** A dish with the paid placement that it has now, if any. */
export interface MenuItem extends Food {
  ad: Ad | undefined
}

/** The whole menu. Once a page, however many of its parts ask. */
export const menu = cache(async (): Promise<Answer<MenuItem[]>> => {
  const [answer, ads] = await Promise.all([ask(`${storeSettings().catalogUrl}/api/foods`), readAds()])
  if (answer.kind !== 'found') return { kind: 'unavailable' }
  const { items } = answer.value as { items?: unknown }
  if (!Array.isArray(items)) return { kind: 'unavailable' }
  const nowMs = Date.now()
  const foods = items.map(parseFood).filter((food) => food !== undefined)
  return { kind: 'found', value: foods.map((food) => ({ ...food, ad: adOf(ads, food.food_id, nowMs) })) }
})

export const order = cache(async (orderId: string): Promise<Answer<Order>> => {
  const { gatewayUrl, readKey } = storeSettings()
  const answer = await ask(`${gatewayUrl}/api/v1/orders/${encodeURIComponent(orderId)}`, readKey)
  if (answer.kind !== 'found') return answer
  const value = parseOrder(answer.value)
  return value ? { kind: 'found', value } : { kind: 'unavailable' }
})

/** A customer's notifications as the gateway has them, for the browser to parse. `since` '' where they were never looked at. */
export async function notifications(userId: string, since: string): Promise<Answer<unknown>> {
  const { gatewayUrl, readKey } = storeSettings()
  const query = since === '' ? '' : `?since=${encodeURIComponent(since)}`
  const answer = await ask(`${gatewayUrl}/api/v1/users/${encodeURIComponent(userId)}/notifications${query}`, readKey)
  return answer.kind === 'found' && !parseNotifications(answer.value) ? { kind: 'unavailable' } : answer
}

async function ask(url: string, key = ''): Promise<Answer<unknown>> {
  try {
    const response = await fetch(url, {
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      ...(key ? { headers: { authorization: `Bearer ${key}` } } : {}),
    })
    if (response.ok) return { kind: 'found', value: await response.json() }
    await response.body?.cancel()
    return { kind: response.status === 404 || response.status === 422 ? 'absent' : 'unavailable' }
  } catch {
    // No connection, no answer in time, or no JSON: for a customer it is all one.
    return { kind: 'unavailable' }
  }
}

async function readAds(): Promise<Ad[]> {
  try {
    return parseAds(JSON.parse(await readFile(storeSettings().adsFile, 'utf8')))
  } catch {
    // The menu is worth showing without its ads.
    return []
  }
}
