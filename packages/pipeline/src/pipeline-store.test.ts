import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { migrate, openStore } from './kernel/sqlite.ts'
import { openPipelineStore, PIPELINE_SCHEMA } from './pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from './reader/testing/fixture.ts'
import { totalsOf } from './reader/totals.ts'
import { pendingIn, pendingOrders, type Pending } from './stream/pending.ts'

const pendingOf = (id: string, ts: number): Pending => ({ id, ts, order: {} as Pending['order'], headers: {} })

test('a store of the first version is brought to the newest, with its pending orders and its sums', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  const old = openStore(path)
  migrate(old, path, PIPELINE_SCHEMA.slice(0, 1))
  old.exec(`insert into ad_counters values ('food_1', '2026-01-31', 'cpc', 2, 500000), ('food_2', '2026-01-31', 'cpc', 1, 250000);
    insert into item_counters values (1, '2026-01-31', 9, 3, 0, 4, 1, 120000, 30000)`)
  old.exec(
    `insert into places (reader, topic, partition, log_id, began, next, time_ms) values ('billing-orders', 'attributed.events.v1', 2, 'log', 0, 7, -1)`,
  )
  const insert = old.prepare('insert into pending_orders values (?, ?, ?)')
  const before = [pendingOf('a', START), pendingOf('b', START + 1)]
  for (const each of before) insert.run(each.ts, each.id, JSON.stringify(each))
  old.close()

  using store = openPipelineStore(path, TOPICS, () => START)
  const totalOf = totalsOf(store.db)
  assert.deepEqual(totalOf('cpc'), { count: 3, amount: 750_000 })
  assert.deepEqual(totalOf('orders'), { count: 4, amount: 120_000 })
  assert.deepEqual(totalOf('attributed'), { count: 1, amount: 30_000 })
  assert.deepEqual(totalOf('pending'), { count: 2, amount: START })
  assert.deepEqual(pendingIn(store.db), before)

  // Orders are counted by ad from where the reader of them stood.
  assert.deepEqual({ ...store.db.prepare('select * from ad_days_began').get() }, { partition: 2, offset: 7 })

  const pending = pendingOrders(store.db)
  pending.load()
  assert.deepEqual(pending.pass([pendingOf('c', START + 2)], START + 1), [before[0]])
  assert.deepEqual(totalsOf(store.db)('pending'), { count: 2, amount: START + 1 })
  const waiting = [before[1], pendingOf('c', START + 2)]
  assert.deepEqual(pendingIn(store.db), waiting)

  // Beyond a restart, and although the log's own watermark is unknown again.
  const again = pendingOrders(store.db)
  again.load()
  assert.deepEqual(again.pass([], -Infinity), [])
  assert.deepEqual(again.pass([], START + 10), waiting)
  assert.deepEqual(totalsOf(store.db)('pending'), { count: 0, amount: START + 10 })
})

/** What each version holds. Stores of it are out there: a line is added for a further step, and none is changed. */
const VERSIONS: readonly string[] = [
  'd902730d1a17',
  'a38fe1466c00',
  'de1ad8be0fa0',
  '4f14390700e2',
  '50a24a01369b',
  '3b0717b518b8',
  'd382b9895776',
  'ab97e1c323c8',
  'a6a132ce863d',
  '30e57684d250',
  'ecf2dc9c88d7',
]

test('what a released version holds does not change: its stores are brought on from there', () => {
  const held = PIPELINE_SCHEMA.map((_, at) => {
    using db = new DatabaseSync(':memory:')
    migrate(db, ':memory:', PIPELINE_SCHEMA.slice(0, at + 1))
    const made = db.prepare('select sql from sqlite_schema where sql is not null order by name').all()
    return hash('sha256', made.map(({ sql }) => String(sql).replaceAll(/\s+/g, ' ')).join(';')).slice(0, 12)
  })
  assert.deepEqual(held, VERSIONS)
})

test('a store of the third version keeps what it counted and what was done with its dead letters', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  const old = openStore(path)
  migrate(old, path, PIPELINE_SCHEMA.slice(0, 3))
  old.exec(`insert into ad_days values ('2026-01-31', 'food_1', 9, 3, 1, 30000)`)
  const columns = old.prepare("select name from pragma_table_info('dead_actions')").all()
  old.close()
  using store = openPipelineStore(path, TOPICS, () => START)
  assert.deepEqual({ ...store.db.prepare('select ad_id, clicks from ad_days').get() }, { ad_id: 'food_1', clicks: 3 })
  const now = store.db.prepare("select name from pragma_table_info('dead_actions')").all()
  assert.deepEqual(
    now.slice(columns.length).map(({ name }) => name),
    ['sent_to', 'edited'],
  )
})
