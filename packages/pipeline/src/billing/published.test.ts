import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWarehouse } from '../etl/fixture.ts'
import { publishCharges } from './published.ts'
import type { ChargedDay } from './statement.ts'

const charged = (adId: string, day: string, kind: ChargedDay['kind'], count: number, amount: number): ChargedDay => ({
  adId,
  day,
  kind,
  count,
  amount,
})
const over = (...ads: ChargedDay[][]) =>
  async function* () {
    yield* ads
  }

const ALL =
  'select date, advertiser_id, campaign_id, ad_id, item_id, kind, charges, amount from billing.charges_daily order by date, ad_id, kind'

test('the warehouse has what the ledger has, to the thousandth of a paisa, credits in rows of their own, each ad with its advertiser', async () => {
  await using warehouse = await openWarehouse()
  await warehouse.etl().runs(1)
  await warehouse.exec(`insert into ref.ads values ('ad-9', 1, 'of-the-ad', 'adv-9')`)
  const charges = [
    [charged('ad-9', '2026-03-01', 'cpc', 3, 750_001), charged('ad-9', '2026-03-01', 'credit', 1, -50_000)],
    [charged('gone', '2026-03-02', 'cpm', 1, 1)],
  ]
  assert.equal(await publishCharges(warehouse.session(), over(...charges)), 2)
  const ad = { advertiser_id: 'adv-9', campaign_id: 'of-the-ad', ad_id: 'ad-9', item_id: 1 }
  const gone = { advertiser_id: null, campaign_id: null, ad_id: 'gone', item_id: null }
  assert.deepEqual(await warehouse.rows(ALL), [
    { date: '2026-03-01', ...ad, kind: 'cpc', charges: 3, amount: 7.50001 },
    { date: '2026-03-01', ...ad, kind: 'credit', charges: 1, amount: -0.5 },
    { date: '2026-03-02', ...gone, kind: 'cpm', charges: 1, amount: 0.00001 },
  ])
})

test('only days that differ are written anew: of more charges, of other amounts, and of none any more', async () => {
  await using warehouse = await openWarehouse()
  await warehouse.etl().runs(1)
  const publish = (...of: ChargedDay[]) => publishCharges(warehouse.session(), over(of))
  const [one, two] = [charged('a', '2026-03-01', 'cpc', 1, 100), charged('a', '2026-03-02', 'cpc', 1, 100)]
  assert.equal(await publish(one, two), 2)
  assert.equal(await publish(one, two), 0)
  assert.equal(await publish(one, { ...two, count: 2, amount: 200 }), 1)
  assert.equal(await publish({ ...one, amount: 90 }, { ...two, count: 2, amount: 200 }), 1)
  assert.equal(await publish({ ...one, amount: 90 }), 1)
  assert.deepEqual(await warehouse.rows('select date, charges, amount from billing.charges_daily'), [
    { date: '2026-03-01', charges: 1, amount: 0.0009 },
  ])
})

test('many rows come in several statements, and all are there', async () => {
  await using warehouse = await openWarehouse()
  await warehouse.etl().runs(1)
  const ads = Array.from({ length: 40 }, (_, ad) =>
    Array.from({ length: 31 }, (_day, day) => charged(`ad-${ad}`, `2026-03-${String(day + 1).padStart(2, '0')}`, 'cpc', 2, 100_000 * ad)),
  )
  assert.equal(await publishCharges(warehouse.session(), over(...ads)), 31)
  assert.deepEqual(await warehouse.rows('select count(*) as n, cast(sum(amount) as integer) as total from billing.charges_daily'), [
    { n: 1240, total: 31 * 780 },
  ])
})
