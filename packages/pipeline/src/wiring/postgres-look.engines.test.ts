import assert from 'node:assert/strict'
import { test } from 'node:test'
import { POSTGRES_DATABASE_MIGRATIONS } from '../database/adapters/postgres-schema.ts'
import { packRecords } from '../database/outbox-rows.ts'
import { testDatabase } from '../database/testing/postgres.ts'
import { hasCode } from '../kernel/errors.ts'
import { migratePostgres, type Postgres } from '../kernel/postgres.ts'
import { audit } from '../ops/audit.ts'
import { summary } from '../ops/summary.ts'
import { traceEvent } from '../ops/trace.ts'
import { START, temporaryFolder, TOPICS } from '../reader/testing/fixture.ts'
import { openStores } from '../stores.ts'
import { POSTGRES_LANE_SCHEMA } from '../workers/adapters/postgres-lane-schema.ts'

async function opened() {
  const folder = temporaryFolder()
  const database = await testDatabase('o')
  const postgres = database.connect()
  const stores = openStores({
    dataDir: folder.path,
    topics: TOPICS,
    addresses: { log: { engine: 'sqlite' }, database: { engine: 'postgres', url: database.url } },
    clock: () => START,
  })
  return {
    stores,
    postgres,
    async makeTables() {
      await migratePostgres(postgres, 'database', POSTGRES_DATABASE_MIGRATIONS)
      await migratePostgres(postgres, 'lane', POSTGRES_LANE_SCHEMA)
      await postgres.rows(`insert into lane_log (log_id) values ('a log')`)
    },
    async [Symbol.asyncDispose]() {
      await stores[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** An order as its owner writes it: with its event, and on its way. */
async function addOrder(postgres: Postgres, id: string): Promise<void> {
  const records = packRecords([{ key: 'u1', headers: {}, value: JSON.stringify({ event_type: 'order', event_id: id, user_id: 'u1' }) }])
  await postgres.transaction(async (on) => {
    await on.rows(
      `insert into orders (order_id, event_id, user_id, item_id, price_paise, quantity, status, created_at, updated_at)
       values ($1, $2, 'u1', 7, 100, 1, 'placed', '2026-01-31T12:00:00.000Z', '2026-01-31T12:00:00.000Z')`,
      [`order of ${id}`, id],
    )
    await on.rows(`insert into order_events values ($1, $2, 'hash')`, [id, `order of ${id}`])
    await on.rows('insert into outbox (orders, records_count, records) values (1, 1, $1)', [records])
  })
}

test('tables on PostgreSQL are not there until their owner has made them, and are seen then', async () => {
  await using at = await opened()
  const { stores } = at
  const there = async () => Object.values(await stores.look('edge', 'lane')).filter((each) => typeof each === 'object' && 'figures' in each)
  assert.deepEqual([(await stores.look()).edge, await there()], [undefined, []])
  assert.equal((await summary(stores)).outbox, 0)
  await assert.rejects(audit(stores), (error) => hasCode(error, 'store_missing'))
  await at.makeTables()
  assert.equal((await there()).length, 1)
  await addOrder(at.postgres, 'a')
  assert.equal((await summary(stores)).outbox, 1)
})

test('both are looked at as of one moment, however long it takes, and nobody who writes waits for it', async () => {
  await using at = await opened()
  const { stores, postgres } = at
  await at.makeTables()
  await addOrder(postgres, 'a')
  {
    await using then = await stores.snapshot()
    await addOrder(postgres, 'b')
    await postgres.rows(`insert into lane_workers values ('w1', $1)`, [START + 1])
    assert.equal(await then.edge?.outboxOrders(), 1)
    assert.equal(await then.edge?.orderOf('b'), undefined)
    assert.equal((await then.lane?.figures(START))?.workers, 0)
    assert.equal(await (await stores.look()).edge?.outboxOrders(), 2)
  }
  await using now = await stores.snapshot()
  assert.equal(await now.edge?.outboxOrders(), 2)
  assert.equal((await now.lane?.figures(START))?.workers, 1)
})

test('a look that was given up while it was open leaves the next one whole', async () => {
  await using at = await opened()
  const { stores, postgres } = at
  await at.makeTables()
  await using first = await stores.snapshot()
  const [{ pid } = { pid: 0 }] = await postgres.rows<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
  )
  await postgres.rows('select pg_terminate_backend($1)', [pid])
  await assert.rejects(
    async () => first.edge?.outboxOrders(),
    (error) => hasCode(error, 'database_unavailable'),
  )
  await assert.rejects(
    async () => first.lane?.standings(),
    (error) => hasCode(error, 'database_unavailable'),
  )
  await first[Symbol.asyncDispose]()
  await using second = await stores.snapshot()
  assert.equal(await second.edge?.outboxOrders(), 0)
})

test('books and traces are made of them', async () => {
  await using at = await opened()
  const { stores, postgres } = at
  await at.makeTables()
  await addOrder(postgres, 'a')
  const accepted = async () => (await audit(stores)).checks.find(({ name }) => name === 'orders accepted = in the log or the outbox')
  assert.deepEqual([(await accepted())?.ok, (await accepted())?.expected], [true, 1])
  const trace = await traceEvent(stores, 'a')
  assert.deepEqual(
    trace.steps.map(({ part }) => part),
    ['gateway', 'database', 'outbox'],
  )
  assert.equal(trace.order_id, 'order of a')
  await postgres.rows('delete from outbox')
  assert.deepEqual((await accepted())?.offenders, ['a (order order of a): neither in the outbox nor in raw.orders.v1'])
})
