import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, dayOf } from '@flowguard/contract'
import { MODELS, openWarehouse } from './fixture.ts'
import { inOrder, parseModel } from './model.ts'

const day = (n: number) => dayOf(Date.parse('2026-03-01') + n * DAY_MS)
const order = (n: number, more = {}) => ({ user_id: `u${n}`, at: `${day(n)} 10:00:00`, ...more })

/** A model over the orders with these checks alone. */
const checkedBy = (...checks: string[]) =>
  parseModel(
    'gold.checked',
    [
      '-- grain: one row an order. partition: date. reads: silver.orders_clean',
      '-- reopens: same day',
      ...checks.map((check) => `-- ${check}`),
      '--',
      'select date, order_id, item_id, quantity from silver.orders_clean where date between :from_date and :to_date',
    ].join('\n'),
  )
const open = (...checks: string[]) => openWarehouse({ models: inOrder([...MODELS, checkedBy(...checks)]) })
const SILVER = MODELS.filter(({ name }) => name === 'silver.orders_clean')
/** Without the tables that nothing is asked of. */
const openSmall = (...checks: string[]) => openWarehouse({ models: inOrder([...SILVER, checkedBy(...checks)]) })

test('a check that stops keeps its day out of silver and gold, which have the last good one; the others are done, and the run says what to do', async () => {
  await using w = await open('stop range: quantity 1..10')
  await w.orders(order(0), order(1), order(2))
  await w.run(day(0), day(2))
  const gmv = () => w.rows('select date, total_items_sold as sold from gold.daily_gmv_metrics order by date')
  await w.orders(order(0, { quantity: 2 }), order(1, { quantity: 99 }), order(2, { quantity: 3 }))
  const run = await w.run(day(0), day(2))
  assert.deepEqual([run.state, run.days, run.days_done, run.days_kept_out, run.checks_failed], ['failed', 3, 2, 1, 1])
  assert.match(run.error ?? '', /2026-03-02 was kept out of silver and gold, for what fails gold\.checked \(range: quantity 1\.\.10\)/)
  assert.match(run.error ?? '', /all other days are done.*flowguard etl runs 2.*flowguard etl backfill --resume/)
  assert.deepEqual(await gmv(), [
    { date: day(0), sold: 3 },
    { date: day(1), sold: 1 },
    { date: day(2), sold: 4 },
  ])
  assert.deepEqual(await w.rows(`select count(*) as n from silver.orders_clean where date = '${day(1)}'`), [{ n: 1 }], 'nor in silver')
  const failed = run.checks.filter(({ state }) => state === 'failed')
  assert.deepEqual(
    failed.map(({ name, severity, days, failing_rows: rows }) => [name, severity, days, rows]),
    [['range: quantity 1..10', 'stop', 5, 1]],
    'one row for the check: the try with all three days, and that with two',
  )
  assert.equal((JSON.parse(run.failed_rows[0]?.row_json ?? '') as { quantity: number }).quantity, 99)
  assert.deepEqual(run.kept_out, [{ date: day(1), model: 'gold.checked', name: 'range: quantity 1..10' }])

  assert.deepEqual(
    (await w.etl().plan(undefined)).days.map(({ date, why }) => [date, why]),
    [[day(1), 'kept out']],
  )
  assert.equal((await w.run()).state, 'failed', 'it stays out while it is bad')
  await w.exec('update bronze.orders_raw set quantity = 5 where quantity = 99')
  assert.deepEqual([(await w.run()).state, (await w.etl().plan(undefined)).days], ['done', []])
  assert.deepEqual((await gmv())[1], { date: day(1), sold: 6 })
  const now = (await w.etl().checks()).find(({ model }) => model === 'gold.checked')
  assert.deepEqual([now?.state, now?.history.map(({ state }) => state)], ['passed', ['passed', 'failed', 'failed', 'passed']])
})

test('a day that was never made and is kept out is in no table, whatever hangs on its neighbours', async () => {
  await using w = await open('stop range: quantity 1..10')
  await w.orders(order(0), order(1, { quantity: 99 }), order(2))
  const run = await w.run(day(0), day(2))
  assert.deepEqual([run.days_done, run.days_kept_out], [2, 1])
  for (const { name } of MODELS)
    assert.deepEqual(await w.rows(`select count(*) as n from ${name} where date = '${day(1)}'`), [{ n: 0 }], name)
  assert.deepEqual(await w.rows('select date from etl.days order by date'), [{ date: day(0) }, { date: day(2) }])
})

test('a check that warns stops nothing', async () => {
  await using w = await openSmall('range: quantity 1..10')
  await w.orders(order(0, { quantity: 99 }))
  const run = await w.run(day(0))
  assert.deepEqual([run.state, run.days_kept_out, run.checks_failed, run.error], ['done', 0, 1, null])
})

test('what a row refers to must be there; against an empty table nothing is said', async () => {
  await using w = await openSmall('references: item_id in ref.foods.food_id', 'references: order_id in ref.nothing.id')
  await w.exec('create schema ref')
  await w.exec('create table ref.nothing (id varchar)')
  await w.orders(order(0), order(0, { item_id: 2 }), order(0, { item_id: 77 }), order(0, { item_id: null }))
  const run = await w.run(day(0))
  const of = run.checks.filter(({ model }) => model === 'gold.checked')
  assert.deepEqual(
    of.map(({ name, state, failing_rows: rows }) => [name, state, rows]),
    [
      ['references: item_id in ref.foods.food_id', 'failed', 1],
      ['references: order_id in ref.nothing.id', 'no_reference', 0],
    ],
  )
})

test('the rows of a day are held against those of the days before it; a first backfill says that there is no history yet', async () => {
  await using w = await openSmall('volume: 0.5..2 of 28 days')
  const state = async (from: number, to = from) => {
    const { checks } = await w.run(day(from), day(to))
    const found = checks.find(({ name, model }) => model === 'gold.checked' && name.startsWith('volume'))
    return [found?.state, found?.days, found?.unjudged_days, found?.failing_rows]
  }
  const orders = (n: number, count: number) => w.orders(...Array.from({ length: count }, () => order(n)))
  for (let n = 0; n < 7; n += 1) await orders(n, 4)
  assert.deepEqual(await state(0, 6), ['no_history', 7, 7, 0])
  await orders(7, 5)
  assert.deepEqual(await state(7), ['passed', 1, 0, 0])
  await orders(8, 1)
  assert.deepEqual(await state(8), ['failed', 1, 0, 1], 'too few')
  assert.deepEqual(await state(9), ['failed', 1, 0, 1], 'none at all')
  await orders(10, 9)
  assert.deepEqual(await state(10), ['failed', 1, 0, 1], 'too many')
  assert.deepEqual(await state(0, 7), ['passed', 8, 7, 0], 'a day that can be judged was')
  w.at(`${day(11)}T06:00:00Z`)
  await orders(11, 1)
  assert.deepEqual(await state(11), ['no_history', 1, 1, 0], 'today is not over: nothing is said of it')
})

test('of rows that fail as many are kept as can be looked at, over all the stretches of a run', async () => {
  await using w = await openSmall('range: quantity 1..10')
  for (const n of [0, 1, 2]) await w.orders(...Array.from({ length: 60 }, () => order(n, { quantity: 99 })))
  const run = await w.run(day(0), day(2))
  assert.deepEqual([run.checks.find(({ state }) => state === 'failed')?.failing_rows, run.failed_rows.length], [180, 100])
})
