import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../../../../test/support/machine.ts'
import type { ModelDoc } from '../etl/docs.ts'
import { createEtl, type CheckNow, type Progress } from '../etl/etl.ts'
import { readModels } from '../etl/model.ts'
import type { RunDetail, RunShown } from '../etl/store.ts'
import { ROOT } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { openMachine, smallDay, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import { opsDeps } from './ops.fixture.ts'
import { createOps, type Ops } from './server.ts'
import type { Stores } from './stores.ts'

const folder = temporaryFolder()
const stop = new AbortController()
let machine: TestMachine
let stores: Stores
let ops: Ops
/** What the runs wait for. */
let level = Promise.withResolvers<boolean>()

before(async () => {
  machine = openMachine(folder.path)
  await smallDay(machine)
  stores = machine.stores()
  const clock = () => T0 + 60_000
  const models = readModels(join(ROOT, 'packages/pipeline/models'))
  const reference = async () => ({ foods: [], ads: [] })
  ops = await createOps({
    ...opsDeps(machine, stores, folder.path),
    ask: () => Promise.reject(new Error('nothing is asked of the stores')),
    etl: createEtl(
      {
        warehouse: machine.warehouse,
        models,
        reference,
        awaited: async () => ((await level.promise) ? [] : ['the loader']),
        clock,
        logger: silentLogger,
      },
      stop.signal,
    ),
  })
})
after(async () => {
  stop.abort()
  level.resolve(false)
  await ops.close()
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function ask<T = { code: string; detail: string }>(path: string, body?: unknown, key = 'the key') {
  const headers = { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
  const payload = body === undefined ? {} : { method: 'POST' as const, payload: typeof body === 'string' ? body : JSON.stringify(body) }
  const answer = await ops.app.inject({ url: `/api/etl/${path}`, headers, ...payload })
  return { status: answer.statusCode, body: JSON.parse(answer.body) as T }
}

const today = { from: '2026-03-01', to: '2026-03-01' }
const list = async (query = '') => (await ask<{ running: Progress | null; runs: RunShown[] }>(`runs${query}`)).body
const plan = ({ from, to }: typeof today) => ask<{ days: unknown[]; tables: { table: string }[] }>(`plan?from=${from}&to=${to}`)

test('a run is planned, begun, followed while it waits for the loader, and shown when it is done; a second at once is refused', async () => {
  const planned = await plan(today)
  assert.equal(planned.status, 200)
  assert.deepEqual(planned.body.days, [{ date: '2026-03-01', why: 'asked for', because: 'never made', bronze_rows: 18 }])
  assert.equal(planned.body.tables.length, 9)

  const begun = await ask<{ run_id: number }>('runs', today)
  assert.deepEqual([begun.status, begun.body], [202, { run_id: 1 }])
  const waiting = await list()
  assert.deepEqual(waiting.running, {
    run_id: 1,
    days: 1,
    days_done: 0,
    chunk: 0,
    chunks: 0,
    from: null,
    to: null,
    at: 'waiting for the loader',
  })
  assert.deepEqual([waiting.runs.length, waiting.runs[0]!.state], [1, 'running'])
  const second = await ask('runs', today)
  assert.deepEqual([second.status, second.body.code], [409, 'etl_running'])
  assert.match(second.body.detail, /run 1 is at work/)

  level.resolve(true)
  await until('the run to end', async () => (await list()).running === null)
  const { status, body: run } = await ask<RunDetail>('runs/1')
  assert.equal(status, 200)
  assert.deepEqual(
    [run.state, run.asked_by, run.is_level, run.from_date, run.to_date, run.days_done, run.error],
    ['done', 'operator', true, '2026-03-01', '2026-03-01', 1, null],
  )
  assert.equal(new Set(run.steps.map(({ model }) => model)).size, 9)
  const [gmv] = (await machine.warehouse.query('select order_count from gold.daily_gmv_metrics', { rowsMax: 2, timeoutMs: 5_000 })).rows
  assert.ok(Number(gmv?.[0]) > 0)

  level = Promise.withResolvers()
  level.resolve(false)
  assert.equal((await ask<{ run_id: number }>('runs', today)).body.run_id, 2)
  await until('the next to end', async () => (await list()).running === null)
  assert.deepEqual(
    (await list('?limit=1')).runs.map((each) => [each.run_id, each.state, each.is_level]),
    [[2, 'done', false]],
  )
})

test('days that are none, lie in the future or the wrong way round are refused, and nothing begins', async () => {
  const known = (await list()).runs.length
  for (const body of [
    {},
    { from: '2026-03-01' },
    { from: '2026-02-30', to: '2026-03-01' },
    { from: '2026-03-01', to: '2026-03-02' },
    { from: '2026-03-01', to: '2026-02-28' },
    { ...today, force: true },
    { ...today, resume: true },
    { resume: false },
    { from: 1, to: 2 },
    [],
  ]) {
    const { status, body: problem } = await ask('runs', body)
    assert.deepEqual([status, problem.code], [422, 'invalid_parameter'], JSON.stringify(body))
  }
  assert.equal((await ask('runs', '{')).status, 400)
  for (const query of ['', '?from=2026-03-01', '?from=2026-03-01&to=tomorrow', '?from=2026-03-01&to=2026-03-02']) {
    assert.equal((await ask(`plan${query}`)).status, 422, query)
  }
  assert.equal((await list()).runs.length, known)
})

test('the checks and the models are told; what was left is planned and made without naming days', async () => {
  const { body } = await ask<{ checks: CheckNow[] }>('checks')
  const unique = body.checks.find(({ model, name }) => model === 'gold.daily_gmv_metrics' && name === 'unique: date')
  assert.deepEqual([unique?.severity, unique?.state, unique?.latest?.run_id, unique?.history.length], ['stop', 'passed', 2, 2])
  assert.equal(body.checks.find(({ name }) => name.startsWith('volume: '))?.state, 'no_history')
  const { models } = (await ask<{ models: ModelDoc[] }>('models')).body
  assert.equal(models.length, 9)
  assert.deepEqual((await ask<{ days: unknown[] }>('plan?resume=true')).body.days, [])
  const begun = await ask<{ run_id: number }>('runs', { resume: true })
  assert.equal(begun.status, 202)
  await until('the rest to be made', async () => (await list()).running === null)
  const { from_date: from, days } = (await ask<RunDetail>(`runs/${begun.body.run_id}`)).body
  assert.deepEqual([from, days], [null, 0])
})

test('single tables of one day are made, the day is asked whether it is loaded, and the checks of a day are told', async () => {
  const part = { ...today, tables: ['silver.orders_clean', 'silver.clicks_clean'] }
  const begun = await ask<{ run_id: number }>('runs', part)
  assert.equal(begun.status, 202)
  await until('the part to be made', async () => (await list()).running === null)
  const { state, tables, steps } = (await ask<RunDetail>(`runs/${begun.body.run_id}`)).body
  assert.deepEqual([state, tables, steps.length], ['done', 'silver.orders_clean, silver.clicks_clean', 2])
  for (const body of [
    { ...today, tables: [] },
    { ...today, tables: 'silver.orders_clean' },
    { ...today, tables: ['silver.nothing'] },
    { from: '2026-02-28', to: '2026-03-01', tables: part.tables },
    { resume: true, tables: part.tables },
  ]) {
    const { status, body: problem } = await ask('runs', body)
    assert.equal(status, 422, JSON.stringify(body))
    assert.ok(['invalid_parameter', 'model_missing'].includes(problem.code), problem.code)
  }
  const { body: notReady } = await ask('ready?date=2026-03-01')
  assert.deepEqual(notReady, { date: '2026-03-01', is_ready: false, awaited: ['the day is not over', 'the loader'], has_events: null })
  for (const path of ['ready', 'ready?date=2026-02-30', 'ready?date=2026-03-02', 'checks?date=x'])
    assert.equal((await ask(path)).status, 422, path)
  const of = async (date: string) =>
    (await ask<{ checks: CheckNow[] }>(`checks?date=${date}`)).body.checks.find(({ model }) => model === 'silver.orders_clean')
  assert.equal((await of('2026-03-01'))?.latest?.run_id, begun.body.run_id)
  assert.equal((await of('2026-02-01'))?.state, 'never_run')
})

test('a run that is not there is 404, a count out of bounds 422', async () => {
  for (const id of ['99', '0', '-1', 'x']) assert.equal((await ask(`runs/${id}`)).status, 404, id)
  for (const limit of ['0', '501', 'x', '1.5']) assert.equal((await ask(`runs?limit=${limit}`)).status, 422, limit)
})

test('without the key nothing is told and nothing begins', async () => {
  const known = (await list()).runs.length
  for (const path of ['runs', 'runs/1', 'checks', 'models', 'ready?date=2026-03-01', 'plan?from=2026-03-01&to=2026-03-01']) {
    assert.equal((await ask(path, undefined, 'another')).status, 401, path)
  }
  assert.equal((await ask('runs', today, 'another')).status, 401)
  assert.equal((await list()).runs.length, known)
})
