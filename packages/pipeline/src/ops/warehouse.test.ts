import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FlowGuardError } from '../kernel/errors.ts'
import { loaderStandings } from '../loader/mirror.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import { audit } from './audit.ts'
import { withBronze } from './audit-bronze.ts'
import { idleEtl, openMachine, smallDay, temporaryFolder, type TestMachine } from './fixture.ts'
import { opsDeps } from './ops.fixture.ts'
import { createOps, type Ops } from './server.ts'
import type { Stores } from './stores.ts'

const folder = temporaryFolder()
let machine: TestMachine
let stores: Stores
let ops: Ops
let query: Warehouse['query']

before(async () => {
  machine = openMachine(folder.path)
  await smallDay(machine)
  stores = machine.stores()
  query = machine.warehouse.query
  ops = await createOps({
    ...opsDeps(machine, stores, folder.path),
    warehouse: { dialect: 'duckdb', query: (sql, limits) => query(sql, limits) },
    etl: idleEtl(machine.warehouse),
  })
})
after(async () => {
  await ops.close()
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function post(body: unknown, key = 'the key') {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` }
  const answer = await ops.app.inject({ method: 'POST', url: '/api/sql', headers, payload: JSON.stringify(body) })
  return { status: answer.statusCode, body: JSON.parse(answer.body) as Record<string, unknown> }
}

const failing = async () => {
  const { checks } = await withBronze(await audit(stores), loaderStandings(machine.pipeline.db), query)
  return checks.flatMap(({ name, ok }) => (ok ? [] : [name]))
}

test('a question to the warehouse is answered in columns and rows, with a key', async () => {
  const asked = await post({ sql: "select event_id, price from bronze.orders_raw where event_id = 'order-paid'" })
  assert.equal(asked.status, 200)
  const { columns, rows, truncated } = asked.body
  assert.deepEqual(
    { columns, rows, truncated },
    {
      columns: [
        { name: 'event_id', type: 'VARCHAR' },
        { name: 'price', type: 'DECIMAL(18,2)' },
      ],
      rows: [['order-paid', 249.5]],
      truncated: false,
    },
  )
  assert.equal((await post({ sql: 'from range(9)', rows_max: 2 })).body['truncated'], true)
  assert.equal((await post({ sql: 'select 1' }, 'another')).status, 401)
})

test('what is no question, does more than read, or fails, is told apart', async () => {
  const codes = async (body: unknown) => {
    const { status, body: problem } = await post(body)
    return [status, problem['code']]
  }
  assert.deepEqual(await codes({ sql: 'drop table bronze.orders_raw' }), [422, 'query_refused'])
  assert.deepEqual(await codes({ sql: 'select * from nowhere' }), [422, 'query_failed'])
  assert.deepEqual(await codes({ sql: 'select count(*) from range(100000000000)', timeout_ms: 20 }), [422, 'query_stopped'])
  for (const body of [{}, { sql: 7 }, { sql: 'select 1', rows_max: 0 }, { sql: 'select 1', timeout_ms: 10_000_000 }, []]) {
    assert.deepEqual(await codes(body), [422, 'invalid_question'])
  }
  query = () => Promise.reject(new FlowGuardError('warehouse_held', '/a/path of the server'))
  const held = await post({ sql: 'select 1' })
  query = machine.warehouse.query
  assert.deepEqual([held.status, held.body['code']], [503, 'warehouse_held'])
  assert.doesNotMatch(String(held.body['detail']), /path/)
})

test('trace and audit over HTTP take the warehouse in', async () => {
  const headers = { authorization: 'Bearer the key' }
  const trace = (await ops.app.inject({ url: '/api/trace/click-repeat', headers })).json() as { steps: { part: string; what: string }[] }
  const loaded = trace.steps.filter(({ part, what }) => part === 'loader' && what.startsWith('loaded into bronze.clicks_raw as '))
  assert.equal(loaded.length, 2, 'the repeat is a row too')
  const books = (await ops.app.inject({ url: '/api/audit', headers })).json() as { balanced: boolean; checks: { name: string }[] }
  assert.equal(books.balanced, true)
  assert.ok(books.checks.some(({ name }) => name === 'bronze rows = applied by the loader'))
})

test('the books find a row of bronze that is missing, one too many, and a place that lags', async () => {
  using session = await machine.warehouse.session()
  assert.deepEqual(await failing(), [])
  const undone = async (...statements: string[]) => {
    const [first = '', ...others] = statements
    await session.run(first)
    const found = await failing()
    for (const sql of others) await session.run(sql)
    return found
  }
  await session.run('create table kept as select * from bronze.orders_raw limit 1')
  const remove = 'delete from bronze.orders_raw where ingestion_id = (select ingestion_id from kept)'
  const restore = 'insert into bronze.orders_raw select * from kept'
  assert.deepEqual(await undone(remove, restore), ['bronze rows = applied by the loader'])
  assert.deepEqual(await undone(restore, remove, restore), ['bronze rows = applied by the loader'])
  assert.deepEqual(await undone('update bronze.places set "next" = "next" - 1', 'update bronze.places set "next" = "next" + 1'), [
    'bronze holds what the loader has read',
  ])
  assert.deepEqual(await undone(`update bronze.places set log_id = 'x' || log_id`, 'update bronze.places set log_id = log_id[2:]'), [
    'bronze holds what the loader has read',
  ])
  assert.deepEqual(await failing(), [])
})

test('a warehouse that cannot be asked leaves the books as they are, and says so', async () => {
  const held: Warehouse['query'] = () => Promise.reject(new FlowGuardError('warehouse_held', 'in use'))
  const books = await withBronze(await audit(stores), loaderStandings(machine.pipeline.db), held)
  assert.equal(books.balanced, true)
  assert.deepEqual(books.unchecked, ['the warehouse could not be asked: in use'])
})
