import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, dayOf } from '@flowguard/contract'
import { runChunk } from './chunk.ts'
import type { DueDay } from './days.ts'
import { inWarehouse } from './engine.ts'
import { MODELS, openWarehouse } from './fixture.ts'
import { etlStore } from './store.ts'

const day = (n: number) => dayOf(Date.parse('2026-01-01') + n * DAY_MS)

test('a late order changes the new users of later days, though these are of a later chunk in which only clicks have changed', async () => {
  await using warehouse = await openWarehouse()
  const days = Array.from({ length: 96 }, (_, n) => day(n))
  const last = days.at(-1) as string
  await warehouse.orders(...days.map((each) => ({ user_id: each, at: `${each} 10:00:00` })))
  await warehouse.run(days[0], last)
  const newUsers = () => warehouse.rows(`select new_users from gold.daily_gmv_metrics where date = '${last}'`)
  assert.deepEqual(await newUsers(), [{ new_users: 1 }])
  await warehouse.orders({ user_id: last, at: `${days[0]} 11:00:00` })
  await warehouse.clicks(...days.map((each) => ({ user_id: 'c', at: `${each} 10:00:00` })))
  await warehouse.run()
  assert.deepEqual(await newUsers(), [{ new_users: 0 }])
})

test('an order that is loaded while a run makes its day for the clicks alone is made by the next run', async () => {
  await using warehouse = await openWarehouse()
  const order = () => warehouse.orders({ user_id: 'u', at: `${day(0)} 10:00:00` })
  const orders = () => warehouse.rows('select count(*) as n from silver.orders_clean')
  await order()
  await warehouse.run()
  // As a run finds it that looked what is due when only a click had come.
  await warehouse.clicks({ user_id: 'u', at: `${day(0)} 10:00:00` })
  await order()
  const session = warehouse.session()
  const store = etlStore(session)
  const due: DueDay = { date: day(0), why: 'stale', changed: ['bronze.clicks_raw'], bronzeRows: 2, newRows: 1 }
  const runId = await store.begin({ askedBy: 'operator', engine: 'warehouse', asked: undefined, only: undefined, due: [due] }, 0)
  await runChunk(
    { session, engine: inWarehouse, store, models: MODELS, clock: Date.now, signal: new AbortController().signal },
    {
      runId,
      chunk: [due],
      around: { known: [day(0)], computed: [day(0)], openSince: async () => undefined },
      since: 0,
      onStep: () => {},
    },
  )
  assert.deepEqual((await warehouse.etl().plan(undefined)).days, [
    { date: day(0), why: 'stale', because: '1 more in bronze.orders_raw since it was made', bronze_rows: 3 },
  ])
  await warehouse.run()
  assert.deepEqual(await orders(), [{ n: 2 }])
  assert.deepEqual((await warehouse.etl().plan(undefined)).days, [])
})
