import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../kernel/errors.ts'
import { MODELS, openWarehouse } from './fixture.ts'
import { parseModel } from './model.ts'
import { timeline, randomOf } from './timeline.fixture.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const SEEDS = IS_SOAK ? [1, 2, 3, 4, 5, 6] : [1]
const TABLES = MODELS.map(({ name }) => name)
const DAYS = ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05', '2026-03-06', '2026-03-07']

type Opened = Awaited<ReturnType<typeof openWarehouse>>

/** `etl run --date --table`. */
async function make(w: Opened, date: string, ...tables: readonly string[]) {
  const id = await w.etl().start({ from: date, to: date }, 'operator', tables)
  await w.etl().idle()
  return (await w.etl().run(id))!
}

const due = async (w: Opened) => (await w.etl().plan(undefined)).days.map(({ date, why }) => [date, why])

for (const seed of SEEDS) {
  test(`table by table, day by day, while rows come late, it comes to what one run of all makes (seed ${seed})`, async () => {
    const events = timeline(seed)
    await using atOnce = await openWarehouse()
    for (const { table, row } of events) await atOnce[table](row)
    await atOnce.run(DAYS[0], DAYS.at(-1))
    await using byPart = await openWarehouse()
    const random = randomOf(seed + 200)
    for (let at = 0; at < events.length;) {
      const until = at + 30 + random(40)
      for (const { table, row } of events.slice(at, until)) await byPart[table](row)
      at = until
      const date = DAYS[random(DAYS.length)]!
      // As far as it goes, and some of it again: what is left is made by whoever makes what is due.
      await make(byPart, date, ...TABLES.slice(0, 1 + random(TABLES.length)))
      await make(byPart, date, ...TABLES.filter(() => random(3) === 0))
    }
    const forgotten = 'select date from etl.days where computed_at is null and date not in (select day from etl.parts)'
    assert.deepEqual(await byPart.rows(forgotten), [], 'what does not count as made is due')
    await byPart.run()
    assert.deepEqual(await byPart.rows('select date from etl.days where computed_at is null'), [])
    assert.deepEqual(await byPart.hashes(), await atOnce.hashes())
    assert.deepEqual(await due(byPart), [])
    assert.equal((await make(byPart, DAYS[1]!, ...TABLES)).error, null)
    assert.deepEqual(await byPart.hashes(), await atOnce.hashes(), 'twice gives the same')
    assert.deepEqual(await due(byPart), [], 'and leaves nothing')
  })
}

test('days made table by table in their order need no other run, and a day is due until its last table is made', async () => {
  await using w = await openWarehouse()
  await using whole = await openWarehouse()
  const days = DAYS.slice(0, IS_SOAK ? 7 : 3)
  const last = days.at(-1)!
  for (const { table, row } of timeline(3)) if (String(row['at']) < `${last} 24`) for (const each of [w, whole]) await each[table](row)
  await whole.run(days[0], last)
  for (const date of days.slice(0, -1)) assert.equal((await make(w, date, ...TABLES)).error, null)
  await make(w, last, 'silver.orders_clean', 'silver.clicks_clean')
  const dueThen = await due(w)
  assert.ok(dueThen.length > 0 && dueThen.every(([, why]) => why === 'made in part'), JSON.stringify(dueThen))
  const notMade = () => w.rows('select date from etl.days where computed_at is null')
  assert.deepEqual(await notMade(), [{ date: last }], 'it does not count as made')
  assert.match((await w.etl().plan(undefined)).days[0]!.because, /some of its tables are made from was made/)
  for (const table of TABLES.slice(2)) {
    assert.deepEqual(await notMade(), [{ date: last }], table)
    await make(w, last, table)
  }
  assert.deepEqual(await due(w), [])
  assert.deepEqual(await notMade(), [])
  assert.deepEqual(await w.hashes(), await whole.hashes())
  const [run] = await w.etl().runs(1)
  assert.deepEqual([run!.tables, run!.from_date, run!.to_date, run!.days_done], [TABLES.at(-1), last, last, 1])
})

test('a table is not made before those that it is made from, and it says which', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  const early = await make(w, '2026-03-01', 'gold.user_funnel_metrics')
  assert.equal(early.state, 'failed')
  assert.match(early.error ?? '', /silver\.clicks_clean and silver\.orders_clean and silver\.user_sessions, to be made first/)
  assert.match(
    early.error ?? '',
    /etl run --date 2026-03-01 --table silver\.clicks_clean --table silver\.orders_clean --table silver\.user_sessions$/,
  )
  assert.deepEqual(await w.rows('select * from etl.days'), [], 'nothing of it remains')
  assert.deepEqual(await due(w), [['2026-03-01', 'stale']])
  await make(w, '2026-03-01', ...TABLES)
  // Whatever is made from a table that was made again is to be made again.
  await make(w, '2026-03-01', 'silver.orders_clean')
  assert.match((await make(w, '2026-03-01', 'gold.user_funnel_metrics')).error ?? '', /is made from silver\.user_sessions/)
  assert.equal((await make(w, '2026-03-01', 'gold.daily_gmv_metrics')).state, 'done')
  assert.equal((await make(w, '2026-03-01', 'silver.user_sessions', 'gold.user_funnel_metrics')).state, 'done')
})

test('rows that come between two tables of a day leave it stale, and are in neither', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  await make(w, '2026-03-01', 'silver.orders_clean', 'silver.clicks_clean')
  await w.orders({ user_id: 'late', at: '2026-03-01 11:00:00' })
  assert.equal((await make(w, '2026-03-01', ...TABLES.slice(2))).state, 'done')
  assert.deepEqual(await w.rows('select order_count as n from gold.daily_gmv_metrics'), [{ n: 1 }])
  assert.deepEqual(await due(w), [['2026-03-01', 'stale']])
  await w.run()
  assert.deepEqual(await w.rows('select order_count as n from gold.daily_gmv_metrics'), [{ n: 2 }])
})

test('a check that stops leaves the table as it was, and is told for that day until it passes', async () => {
  const strict = parseModel(
    'gold.strict',
    [
      '-- grain: one row an order. partition: date. reads: silver.orders_clean',
      '-- reopens: same day',
      '-- stop accepted: user_id in (good)',
      '-- accepted: status in (delivered)',
      'select date, user_id, status from silver.orders_clean where date between :from_date and :to_date',
    ].join('\n'),
  )
  await using w = await openWarehouse({ models: [...MODELS, strict] })
  await w.orders({ user_id: 'good', at: '2026-03-01 10:00:00' }, { user_id: 'good', at: '2026-03-02 10:00:00' })
  for (const date of ['2026-03-01', '2026-03-02']) await make(w, date, 'silver.orders_clean', 'gold.strict')
  const state = async (date: string) =>
    (await w.etl().checks(date))
      .filter(({ model }) => model === 'gold.strict')
      .map((each) => [each.severity, each.state, each.latest?.failing_rows])
  assert.deepEqual(await state('2026-03-02'), [
    ['stop', 'passed', 0],
    ['warn', 'failed', 1],
  ])
  await w.orders({ user_id: 'bad', at: '2026-03-02 11:00:00' })
  const refused = await make(w, '2026-03-02', 'silver.orders_clean', 'gold.strict')
  assert.deepEqual([refused.state, refused.days_kept_out, refused.failed_rows.length], ['failed', 1, 1])
  assert.match(refused.error ?? '', /2026-03-02 was kept out of silver and gold/)
  assert.deepEqual(await w.rows('select count(*) as n from silver.orders_clean'), [{ n: 2 }])
  assert.equal((await state('2026-03-02'))[0]![1], 'failed')
  assert.equal((await state('2026-03-01'))[0]![1], 'passed')
  // A run over both keeps out the one alone.
  await w.run('2026-03-01', '2026-03-02')
  assert.equal((await state('2026-03-02'))[0]![1], 'failed')
  assert.equal((await state('2026-03-01'))[0]![1], 'passed')
  assert.equal((await state('2026-03-03'))[0]![1], 'never_run')
})

test('a part does not wait for the loader as a run does: it asks, and says what is so', async () => {
  const asked: string[] = []
  const awaited = async ({ by }: { by: string }) => (asked.push(by), by === 'run' ? [] : ['the loader has yet to read 1 record'])
  await using w = await openWarehouse({ awaited })
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  const { state, is_level: isLevel, days_done: done } = await make(w, '2026-03-01', 'silver.orders_clean')
  assert.deepEqual([asked, state, isLevel, done], [['question'], 'done', false, 1])
  assert.equal((await w.run()).is_level, true)
  assert.deepEqual(asked, ['question', 'run'])
})

test('a table that is none is refused, and no run begins', async () => {
  await using w = await openWarehouse()
  await assert.rejects(make(w, '2026-03-01', 'gold.nothing'), (error) => hasCode(error, 'model_missing'))
  assert.deepEqual(await w.etl().runs(1), [])
})
