import { toPaise, toRupees, type Ad, type Food, type Order } from '@flowguard/contract'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { Database, WriteKey } from '../database.ts'

export type Cell = string | number | null

/** What the tables below need of an engine. A statement is one text for all of them: `$1` is its first value, text compares byte by byte, a boolean is 0 or 1. */
export interface Engine {
  rows<Row>(statement: string, values?: readonly Cell[]): Promise<Row[]>
  /** How many rows it changed. */
  changed(statement: string, values?: readonly Cell[]): Promise<number>
  /** Puts these rows in the place of all that the table holds: all of it or nothing. A column holds numbers or text. */
  replace(table: string, columns: readonly string[], rows: readonly (readonly (string | number)[])[]): Promise<void>
}

export interface OrderRow {
  order_id: string
  event_id: string
  client_order_id: string | null
  user_id: string
  item_id: number
  item_name: string | null
  price_paise: number
  quantity: number
  status: string
  created_at: string
  updated_at: string
}

type FoodRow = Omit<Food, 'price' | 'is_available'> & { price_paise: number; is_available: number }
type Tables = Pick<
  Database,
  'order' | 'foods' | 'food' | 'ads' | 'replaceFoods' | 'replaceAds' | 'addKey' | 'revokeKey' | 'keys' | 'hasKey'
>

const FOOD_COLUMNS = ['food_id', 'name', 'category', 'price_paise', 'description', 'image_url', 'is_available'] as const
const AD_COLUMNS = ['ad_id', 'item_id', 'campaign_id', 'advertiser_id', 'pricing', 'rate_paise', 'daily_budget_paise'] as const

/** The tables that are asked now and then. What every order goes through is each engine's own. */
export function tablesOn(engine: Engine, clock: Clock): Tables {
  const now = () => new Date(clock()).toISOString()
  return {
    async order(orderId) {
      const [row] = await engine.rows<OrderRow>('select * from orders where order_id = $1', [orderId])
      return row && asOrder(row)
    },
    foods: async () => (await engine.rows<FoodRow>('select * from foods order by food_id')).map(asFood),
    async food(foodId) {
      const [row] = await engine.rows<FoodRow>('select * from foods where food_id = $1', [foodId])
      return row && asFood(row)
    },
    ads: () =>
      engine.rows<Ad>(
        `select ad_id as "adId", item_id as "itemId", campaign_id as "campaignId", advertiser_id as "advertiserId", pricing,
         rate_paise as rate, daily_budget_paise as "dailyBudget" from ads order by ad_id`,
      ),
    replaceFoods: (foods) =>
      engine.replace(
        'foods',
        FOOD_COLUMNS,
        foods.map((food) => [
          food.food_id,
          food.name,
          food.category,
          toPaise(food.price),
          food.description,
          food.image_url,
          food.is_available ? 1 : 0,
        ]),
      ),
    replaceAds: (ads) =>
      engine.replace(
        'ads',
        AD_COLUMNS,
        ads.map((ad) => [ad.adId, ad.itemId, ad.campaignId, ad.advertiserId, ad.pricing, ad.rate, ad.dailyBudget]),
      ),
    async addKey(name, hash, use = 'all') {
      await engine.changed(
        `insert into write_keys (name, hash, created_at, use) values ($1, $2, $3, $4)
         on conflict (name) do update set hash = excluded.hash, use = excluded.use, created_at = excluded.created_at, revoked_at = null`,
        [name, hash, now(), use],
      )
    },
    revokeKey: async (name) =>
      (await engine.changed('update write_keys set revoked_at = $1 where name = $2 and revoked_at is null', [now(), name])) === 1,
    keys: () =>
      engine.rows<WriteKey>('select name, use, created_at as "createdAt", revoked_at as "revokedAt" from write_keys order by name'),
    hasKey: async (hash, use = 'all') =>
      (await engine.rows("select 1 as found from write_keys where hash = $1 and revoked_at is null and use in ('all', $2)", [hash, use]))
        .length > 0,
  }
}

function asOrder({ price_paise, ...row }: OrderRow): Order {
  return { ...row, price: toRupees(price_paise) }
}

function asFood({ price_paise, is_available, ...row }: FoodRow): Food {
  return { ...row, price: toRupees(price_paise), is_available: is_available === 1 }
}
