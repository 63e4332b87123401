import type { DatabaseSync } from 'node:sqlite'
import { toPaise, toRupees, type Ad, type Food } from '@flowguard/contract'
import type { Clock } from '../../kernel/lifecycle.ts'
import { closeStore, guarded, migrate, openReadOnly, openStore, requireSchema, transaction } from '../../kernel/sqlite.ts'
import type { Database, WriteKey } from '../database.ts'
import { ordersIn } from './sqlite-orders.ts'
import { DATABASE_MIGRATIONS } from './sqlite-schema.ts'

interface Options {
  path: string
  clock: Clock
}

/** Opens the operational tables as their owner, and makes them where there are none. */
export function openSqliteDatabase({ path, clock }: Options): Database {
  return sqliteDatabaseOn(openStore(path), { path, clock })
}

/** Opens the tables of another process to read them: whatever writes rejects with `store_unwritable`. Throws `store_missing` where there are none. */
export function openSqliteDatabaseReader({ path, clock }: Options): Database {
  const db = openReadOnly(path)
  requireSchema(db, path, DATABASE_MIGRATIONS)
  return databaseOn(db, path, clock)
}

/** The tables on a connection that is there already; it is closed with them. */
export function sqliteDatabaseOn(db: DatabaseSync, { path, clock }: Options): Database {
  migrate(db, path, DATABASE_MIGRATIONS)
  return databaseOn(db, path, clock)
}

function databaseOn(db: DatabaseSync, path: string, clock: Clock): Database {
  const { flush, ...orders } = ordersIn(db, path, clock)
  return {
    ...orders,
    ...catalogueIn(db, path),
    ...keysIn(db, path, clock),
    async [Symbol.asyncDispose]() {
      flush()
      closeStore(db)
    },
  }
}

type Catalogue = Pick<Database, 'foods' | 'food' | 'ads' | 'replaceFoods' | 'replaceAds'>
type FoodRow = Omit<Food, 'price' | 'is_available'> & { price_paise: number; is_available: number }

function catalogueIn(db: DatabaseSync, path: string): Catalogue {
  const sql = guarded(path, () => ({
    foods: db.prepare('select * from foods order by food_id'),
    food: db.prepare('select * from foods where food_id = ?'),
    addFood: db.prepare('insert into foods values (?, ?, ?, ?, ?, ?, ?)'),
    ads: db.prepare(
      `select ad_id as adId, item_id as itemId, campaign_id as campaignId, advertiser_id as advertiserId, pricing,
       rate_paise as rate, daily_budget_paise as dailyBudget from ads order by ad_id`,
    ),
    addAd: db.prepare('insert into ads values (?, ?, ?, ?, ?, ?, ?)'),
  }))
  return {
    foods: async () => guarded(path, () => (sql.foods.all() as unknown as FoodRow[]).map(asFood)),
    async food(foodId) {
      const row = guarded(path, () => sql.food.get(foodId)) as unknown as FoodRow | undefined
      return row && asFood(row)
    },
    ads: async () => guarded(path, () => (sql.ads.all() as unknown as Ad[]).map((row) => ({ ...row }))),
    async replaceFoods(foods) {
      guarded(path, () =>
        transaction(db, () => {
          db.exec('delete from foods')
          for (const { food_id, name, category, price, description, image_url, is_available } of foods) {
            sql.addFood.run(food_id, name, category, toPaise(price), description, image_url, is_available ? 1 : 0)
          }
        }),
      )
    },
    async replaceAds(ads) {
      guarded(path, () =>
        transaction(db, () => {
          db.exec('delete from ads')
          for (const { adId, itemId, campaignId, advertiserId, pricing, rate, dailyBudget } of ads) {
            sql.addAd.run(adId, itemId, campaignId, advertiserId, pricing, rate, dailyBudget)
          }
        }),
      )
    },
  }
}

function asFood({ price_paise, is_available, ...row }: FoodRow): Food {
  return { ...row, price: toRupees(price_paise), is_available: is_available === 1 }
}

type Keys = Pick<Database, 'addKey' | 'revokeKey' | 'keys' | 'hasKey'>

function keysIn(db: DatabaseSync, path: string, clock: Clock): Keys {
  const sql = guarded(path, () => ({
    add: db.prepare(
      `insert into write_keys (name, hash, created_at, use) values (?, ?, ?, ?)
       on conflict (name) do update set hash = excluded.hash, use = excluded.use, created_at = excluded.created_at, revoked_at = null`,
    ),
    revoke: db.prepare('update write_keys set revoked_at = ? where name = ? and revoked_at is null'),
    all: db.prepare('select name, use, created_at as createdAt, revoked_at as revokedAt from write_keys order by name'),
    has: db.prepare("select 1 from write_keys where hash = ? and revoked_at is null and use in ('all', ?)"),
  }))
  const now = () => new Date(clock()).toISOString()
  return {
    async addKey(name, hash, use = 'all') {
      guarded(path, () => sql.add.run(name, hash, now(), use))
    },
    revokeKey: async (name) => guarded(path, () => Number(sql.revoke.run(now(), name).changes) === 1),
    keys: async () => guarded(path, () => (sql.all.all() as unknown as WriteKey[]).map((row) => ({ ...row }))),
    hasKey: (hash, use = 'all') => guarded(path, () => sql.has.get(hash, use) !== undefined),
  }
}
