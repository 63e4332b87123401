import { itemOfAdId, type Food } from '@flowguard/contract'
import type { Database } from '../database/database.ts'

/** What admission fills in from: the catalogue and the ads, held in memory. */
export interface Reference {
  food(itemId: number): Pick<Food, 'name' | 'price'> | undefined
  /** The dish that an ad is for: by the ads table, else by its own name. */
  itemOfAd(adId: string): number | undefined
}

/** Both are small and change only when the process starts. */
export async function loadReference(database: Database): Promise<Reference> {
  const foods = new Map((await database.foods()).map((food) => [food.food_id, food]))
  const items = new Map((await database.ads()).map((ad) => [ad.adId as string, ad.itemId]))
  return { food: (itemId) => foods.get(itemId), itemOfAd: (adId) => items.get(adId) ?? itemOfAdId(adId) }
}
