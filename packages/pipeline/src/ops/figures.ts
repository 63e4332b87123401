import { rate, toRupees, type AdId } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Stretch } from '../etl/model.ts'
import { inSnapshot, type Stores } from './stores.ts'

/** Of so many dishes and ads each the figures are told: those with the most revenue, then clicks, then impressions. Totals are of all. */
export const FIGURES_ROWS_MAX = 500

/** What shoppers did, bots left out. Money in rupees. CTR is clicks by impressions, CVR attributed orders by clicks; 0 where there are none. */
interface Counted {
  impressions: number
  clicks: number
  attributed_orders: number
  attributed_revenue: number
  ctr: number
  cvr: number
}

interface Sold extends Counted {
  orders: number
  revenue: number
}

export interface DishFigures extends Sold {
  item_id: number
  /** By the catalogue, else as it was last sold; null where neither knows it. */
  name: string | null
  category: string | null
}

export interface AdFigures extends Counted {
  ad_id: string
  /** Null where the ad is none of ours. */
  campaign_id: string | null
  advertiser_id: string | null
  item_id: number | null
}

/** The counters as they stand, over UTC days, both ends included. */
export interface Figures extends Stretch {
  as_of: string
  totals: Sold
  dishes: readonly DishFigures[]
  dishes_total: number
  ads: readonly AdFigures[]
  ads_total: number
}

/** Reads the counters. Throws `store_missing` where the pipeline has yet to make them. */
export async function figures(stores: Stores, { from, to }: Stretch, rowsMax: number): Promise<Figures> {
  return inSnapshot(stores, async ({ pipeline, edge }) => {
    if (!pipeline) throw new FlowGuardError('store_missing', 'the pipeline has not counted anything yet')
    const { db } = pipeline
    const foods = new Map((await edge?.foods())?.map((food) => [food.food_id, food]))
    const ours = new Map((await edge?.ads())?.map((ad) => [ad.adId, ad]))
    const sumsOf = <Id>(sql: string) => db.prepare(`${sql} limit ${rowsMax}`).all(from, to) as unknown as (Sums & { id: Id })[]
    const dishes = sumsOf<number>(`${ITEM_SUMS} group by item_id order by revenue desc, clicks desc, impressions desc, item_id`)
    const ads = sumsOf<string>(`${AD_SUMS} group by ad_id order by attributed_revenue desc, clicks desc, impressions desc, ad_id`)
    const countOf = (column: string, table: string) =>
      (db.prepare(`select count(distinct ${column}) as count from ${table} where day between ? and ?`).get(from, to) as { count: number })
        .count
    return {
      from,
      to,
      as_of: new Date(stores.clock()).toISOString(),
      totals: soldOf(sumsOf<null>(ITEM_SUMS)[0]!),
      dishes: dishes.map(({ id, ...sums }) => {
        const { name = null, category = null } = foods.get(id) ?? {}
        return { item_id: id, name, category, ...soldOf(sums) }
      }),
      dishes_total: countOf('item_id', 'item_counters'),
      ads: ads.map(({ id, ...sums }) => {
        const { campaignId = null, advertiserId = null, itemId = null } = ours.get(id as AdId) ?? {}
        return { ad_id: id, campaign_id: campaignId, advertiser_id: advertiserId, item_id: itemId, ...countedOf(sums) }
      }),
      ads_total: countOf('ad_id', 'ad_days'),
    }
  })
}

interface Sums {
  impressions: number
  clicks: number
  orders: number
  attributed_orders: number
  revenue: number
  attributed_revenue: number
}

// As real: a sum of integers may be more than a number holds exactly, and then SQLite's driver refuses it.
const COUNTS = `total(impressions) as impressions, total(clicks) as clicks, total(attributed_orders) as attributed_orders,
  total(attributed_paise) as attributed_revenue`
const ITEM_SUMS = `select item_id as id, ${COUNTS}, total(orders) as orders, total(revenue_paise) as revenue from item_counters where day between ? and ?`
const AD_SUMS = `select ad_id as id, ${COUNTS} from ad_days where day between ? and ?`

function countedOf({ impressions, clicks, attributed_orders, attributed_revenue }: Omit<Sums, 'orders' | 'revenue'>): Counted {
  return {
    impressions,
    clicks,
    attributed_orders,
    attributed_revenue: toRupees(attributed_revenue),
    ctr: rate(clicks, impressions),
    cvr: rate(attributed_orders, clicks),
  }
}

function soldOf({ orders, revenue, ...more }: Sums): Sold {
  return { orders, revenue: toRupees(revenue), ...countedOf(more) }
}
