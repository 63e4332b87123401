import { readFileSync } from 'node:fs'
import {
  Compile,
  Food,
  isWholePaise,
  PRICE_RUPEES_MAX,
  toPaise,
  Type,
  type Ad,
  type AdId,
  type Static,
  type TSchema,
} from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Database } from './database.ts'

const Rupees = Type.Refine(Type.Number({ minimum: 0, maximum: PRICE_RUPEES_MAX }), isWholePaise, () => 'must have at most 2 decimals')

const AdRow = Type.Object({
  ad_id: Type.String({ minLength: 1, maxLength: 128 }),
  item_id: Type.Integer({ minimum: 1 }),
  campaign_id: Type.String({ minLength: 1, maxLength: 128 }),
  advertiser_id: Type.String({ minLength: 1, maxLength: 128 }),
  pricing: Type.Union([Type.Literal('cpm'), Type.Literal('cpc'), Type.Literal('cpa')]),
  rate: Rupees,
  daily_budget: Rupees,
})

/** Loads the catalogue and the ads from their files. Throws `file_invalid` that names the file, the entry and the field. */
export async function seed(database: Database, files: { foods: string; ads: string }): Promise<void> {
  await database.replaceFoods(entries(files.foods, Food, 'food_id'))
  await database.replaceAds(
    entries(files.ads, AdRow, 'ad_id').map((row): Ad => ({
      adId: row.ad_id as AdId,
      itemId: row.item_id,
      campaignId: row.campaign_id,
      advertiserId: row.advertiser_id,
      pricing: row.pricing,
      rate: toPaise(row.rate),
      dailyBudget: toPaise(row.daily_budget),
    })),
  )
}

function entries<S extends TSchema>(file: string, schema: S, id: keyof Static<S>): Static<S>[] {
  let list: unknown
  try {
    list = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new FlowGuardError('file_invalid', `${file}: ${(error as Error).message}`, error)
  }
  if (!Array.isArray(list)) throw new FlowGuardError('file_invalid', `${file}: must be a JSON array`)
  const compiled = Compile(schema)
  const seen = new Map<unknown, number>()
  return list.map((entry: unknown, index) => {
    const where = `${file}: entry ${index + 1}`
    if (!compiled.Check(entry)) {
      const fault = compiled.Errors(entry)[0]
      throw new FlowGuardError('file_invalid', `${where}: ${fault?.instancePath || '/'} ${fault?.message}`)
    }
    const name = entry[id]
    if (seen.has(name))
      throw new FlowGuardError('file_invalid', `${where}: /${String(id)} ${String(name)} is that of entry ${seen.get(name)} too`)
    seen.set(name, index + 1)
    return entry
  })
}
