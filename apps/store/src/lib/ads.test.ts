import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adOf, parseAds } from './ads.ts'

const ads = parseAds([{ ad_id: 'a', item_id: 4, campaign_id: 'c' }, { ad_id: 'b', item_id: 4 }, { ad_id: 5, item_id: 4 }, null, 'x'])

test('what is no ad is passed over', () => {
  assert.deepEqual(ads, [
    { ad_id: 'a', item_id: 4, ad_campaign_id: 'c' },
    { ad_id: 'b', item_id: 4 },
  ])
  assert.deepEqual(parseAds({ ads }), [])
})

test('two ads of one dish take turns; a dish without one has none', () => {
  const shown = [0, 599_999, 600_000, 1_200_000].map((nowMs) => adOf(ads, 4, nowMs)?.ad_id)
  assert.deepEqual(shown, ['a', 'a', 'b', 'a'])
  assert.equal(adOf(ads, 5, 0), undefined)
})
