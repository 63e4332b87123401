import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEtl } from '../etl/etl.ts'
import { MODELS } from '../etl/fixture.ts'
import { silentLogger } from '../kernel/logging.ts'
import { snowflakeStore } from '../warehouse/testing/snowflake.ts'
import { publishCharges } from './published.ts'
import type { ChargedDay } from './statement.ts'

const CHARGED: ChargedDay = { adId: 'ad-9', day: '2026-03-01', kind: 'cpc', count: 3, amount: 750_001 }

test('on Snowflake the view stays as it is, with what is granted on it; one of another shape is replaced, and the grants are copied', async () => {
  await using store = snowflakeStore()
  await using warehouse = store.open()
  const deps = { warehouse, models: MODELS, reference: async () => ({ foods: [], ads: [] }), awaited: async () => [] }
  await createEtl({ ...deps, clock: Date.now, logger: silentLogger }, new AbortController().signal).runs(1)
  using session = await warehouse.session()
  const said: string[] = []
  const listening = { ...session, run: (...[sql, params]: Parameters<typeof session.run>) => (said.push(sql), session.run(sql, params)) }
  const publish = () =>
    publishCharges(listening, async function* () {
      yield [CHARGED]
    })
  const replaced = () => said.splice(0).filter((sql) => sql.startsWith('create or replace view billing'))

  assert.equal(await publish(), 1)
  assert.equal(await publish(), 0)
  assert.deepEqual(replaced(), [])
  await session.run('create or replace view billing.charges_daily as select date, ad_id from billing.charges')
  assert.equal(await publish(), 0)
  assert.deepEqual(
    replaced().map((sql) => sql.split(' as ')[0]),
    ['create or replace view billing.charges_daily copy grants'],
  )
  assert.deepEqual(await session.rows('select * from billing.charges_daily'), [
    { date: '2026-03-01', advertiser_id: null, campaign_id: null, ad_id: 'ad-9', item_id: null, kind: 'cpc', charges: 3, amount: 7.50001 },
  ])
})
