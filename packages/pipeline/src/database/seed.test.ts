import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { openSqliteDatabase } from './adapters/sqlite.ts'
import { seed } from './seed.ts'

const FOODS = join(ROOT, 'data/food_items.json')
const ad = { ad_id: 'ad_1', item_id: 1, campaign_id: 'c', advertiser_id: 'a', pricing: 'cpc', rate: 2.5, daily_budget: 100 }

async function seeded(ads: string) {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-seed-'))
  try {
    writeFileSync(join(folder, 'ads.json'), ads)
    await using database = openSqliteDatabase({ path: join(folder, 'edge.db'), clock: Date.now })
    await seed(database, { foods: FOODS, ads: join(folder, 'ads.json') })
    return { foods: await database.foods(), ads: await database.ads() }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const refused = (what: RegExp) => (error: unknown) => hasCode(error, 'file_invalid') && what.test((error as Error).message)

test('25 dishes in 9 categories are on the menu, from 99 to 499 rupees', async () => {
  const { foods } = await seeded('[]')
  assert.equal(foods.length, 25)
  assert.deepEqual([...new Set(foods.map(({ category }) => category))].toSorted(), [
    'Beverages',
    'Biryani',
    'Burger',
    'Desserts',
    'North Indian',
    'Pasta',
    'Pizza',
    'Snacks',
    'South Indian',
  ])
  assert.ok(foods.every(({ price }) => price >= 99 && price <= 499))
})

test('a rate is kept in paise', async () => {
  const { ads } = await seeded(JSON.stringify([ad]))
  assert.deepEqual([ads[0]?.rate, ads[0]?.dailyBudget], [250, 10_000])
})

test('a file that is wrong is refused with its entry and field', async () => {
  await assert.rejects(seeded('{'), refused(/ads\.json/))
  await assert.rejects(seeded('{}'), refused(/must be a JSON array/))
  await assert.rejects(seeded(JSON.stringify([ad, { ...ad, ad_id: 'ad_2', pricing: 'free' }])), refused(/entry 2: \/pricing/))
  await assert.rejects(seeded(JSON.stringify([{ ...ad, rate: 1.234 }])), refused(/entry 1: \/rate must have at most 2 decimals/))
  await assert.rejects(seeded(JSON.stringify([ad, ad])), refused(/entry 2: \/ad_id ad_1 is that of entry 1 too/))
})
