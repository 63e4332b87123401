import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNPAID, withUnpaid } from './unpaid.ts'

const ad = (id: string, advertiser: string | null, clicks: number, revenue: number) => ({
  ad_id: id,
  campaign_id: null,
  advertiser_id: advertiser,
  item_id: 1,
  impressions: 10,
  clicks,
  attributed_orders: 1,
  attributed_revenue: revenue,
  ctr: clicks / 10,
  cvr: 1 / clicks,
})

test('what no advertiser pays for is one row, its rates those of the sums', () => {
  const paid = ad('a', 'adv', 2, 5)
  const rows = withUnpaid([ad('food_1', null, 4, 0.1), paid, ad('food_2', null, 1, 0.2)])
  assert.deepEqual(rows[0], paid)
  assert.deepEqual(rows[1], {
    ...ad(UNPAID, null, 5, 0.3),
    item_id: null,
    impressions: 20,
    attributed_orders: 2,
    ctr: 0.25,
    cvr: 0.4,
  })
  assert.deepEqual(withUnpaid([paid]), [paid])
})
