import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, cpSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ATTRIBUTED, CLICKS, DEAD, ORDERS, type Topic } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { pack, checksum } from '../log/adapters/record-batch.ts'
import { openStores } from '../stores.ts'
import { audit, type Audit } from './audit.ts'
import { openMachine, smallDay, T0, temporaryFolder, TOPIC_SPECS } from './fixture.ts'
import { FILES } from './stores.ts'
import { summary } from './summary.ts'

const base = temporaryFolder()
before(async () => {
  await using machine = openMachine(base.path)
  await smallDay(machine)
})
after(() => base[Symbol.dispose]())

async function auditOf(dataDir: string): Promise<Audit> {
  await using stores = openStores({ dataDir, topics: TOPIC_SPECS, clock: () => T0 })
  return await audit(stores)
}

/** The checks that fail once `plant` has changed a store of the small day. */
async function failing(file: keyof typeof FILES, plant: (db: DatabaseSync) => void): Promise<string[]> {
  using folder = temporaryFolder()
  cpSync(base.path, folder.path, { recursive: true })
  const db = new DatabaseSync(join(folder.path, FILES[file]))
  plant(db)
  db.close()
  const { balanced, checks } = await auditOf(folder.path)
  const failed = checks.filter(({ ok }) => !ok)
  assert.equal(balanced, failed.length === 0)
  for (const { offenders, offenders_total: total } of failed) assert.ok(offenders.length > 0 && total >= offenders.length)
  return failed.map(({ name }) => name)
}

/** How often the books are looked at beside live traffic, and how far apart the snapshots of the stores are then. */
const LOOKS = 10
const GAP_MS = 40
const FATES = 'read = applied + duplicate + late + skipped + dead'
const READ = 'read = in the log before the place'
const WHOLE = 'the log is whole'
const ACCEPTED = 'orders accepted = in the log or the outbox'
const ANSWERED = 'every order read has one answer'
const TOTALS = 'totals = what they sum'
const CLICKED = 'every attributed click is in the log'
const ONCE = 'no event is charged twice'
const LEDGER = 'ledger = counters'
const CREDITS = 'every credit has its charge'
const ITEMS = 'order counters = attributed orders'
const ADS = 'order counters by ad = attributed orders'
const LETTERS = 'dead letters = counted as dead'
const LATE = 'late events kept = counted as late'

/** Writes a row of the log past the log, whole in itself. */
function addRow(db: DatabaseSync, topic: Topic, partition: number, offset: number, value: object) {
  const body = pack([{ key: 'u1', value: JSON.stringify(value), headers: {} }])
  db.prepare('insert into log_batches values (?, ?, ?, ?, ?, ?, ?)').run(
    topic,
    partition,
    offset,
    1,
    T0,
    checksum(body, { topic, partition, offset }, 1, T0),
    body,
  )
}

const endOf = (db: DatabaseSync, topic: Topic, partition: number) =>
  (
    db
      .prepare('select coalesce(max(base_offset + count), 0) as offset from log_batches where topic = ? and partition = ?')
      .get(topic, partition) as { offset: number }
  ).offset

const run = (sql: string) => (db: DatabaseSync) => {
  const { changes } = db.prepare(sql).run()
  assert.ok(Number(changes) > 0, `nothing was planted by ${sql}`)
}

test('the books of a day with every outcome balance', async () => {
  assert.deepEqual(
    (await auditOf(base.path)).checks.filter(({ ok, expected, actual }) => !ok || expected !== actual),
    [],
  )
})

const addPending = (id: string) => (db: DatabaseSync) => {
  const line = JSON.stringify({ id, ts: T0 + 70_000, order: {}, headers: {} })
  db.prepare(`insert into journal values ('stream/pending', 1000, ?, ?)`).run(T0 + 70_000, line)
}

const PLANTED: [string, keyof typeof FILES, (db: DatabaseSync) => void, string[]][] = [
  [
    'a record counted as read and as nothing else',
    'pipeline',
    run(`update places set read = read + 1 where reader = 'stream' and partition = 1`),
    [FATES, READ],
  ],
  [
    'an event applied that nobody read',
    'pipeline',
    run(`update places set applied = applied + 1 where reader = 'billing-orders' and partition = 1`),
    [FATES],
  ],
  [
    'a record counted twice in every figure',
    'pipeline',
    run(`update places set read = read + 1, applied = applied + 1 where reader = 'billing'`),
    [READ],
  ],
  [
    'a place moved past a record',
    'pipeline',
    run(`update places set next = next - 1 where reader = 'billing' and topic = '${CLICKS}' and partition = 4`),
    [READ],
  ],
  [
    'a place beyond the end of the log',
    'pipeline',
    run(`update places set next = next + 7 where reader = 'billing' and topic = '${CLICKS}'`),
    [READ],
  ],
  ['places in another log', 'pipeline', run(`update places set log_id = 'other' where reader = 'stream'`), [READ]],
  [
    'a row of the log whose bytes were changed',
    'raw',
    run(`update log_batches set body = cast(replace(body, 'click-double', 'click-gone!!') as blob)`),
    [WHOLE, CLICKED],
  ],
  [
    'a row of the log that is gone',
    'raw',
    run(`delete from log_batches where topic = '${CLICKS}' and partition = 4 and base_offset = 2`),
    [READ, WHOLE, CLICKED],
  ],
  ['an order in neither outbox nor log', 'edge', run(`delete from outbox where instr(records, 'order-outbox')`), [ACCEPTED]],
  [
    'an order whose event was never written down',
    'edge',
    run(`delete from order_ids_recent where instr(entries, '"order-alone"')`),
    [ACCEPTED],
  ],
  [
    'an order whose record is gone from the log',
    'raw',
    run(`delete from log_batches where topic = '${ORDERS}' and instr(body, 'order-pending')`),
    [READ, ACCEPTED, ANSWERED],
  ],
  ['a pending order forgotten', 'pipeline', run(`delete from journal where owner = 'stream/pending'`), [ANSWERED, TOTALS]],
  ['an answered order still pending', 'pipeline', addPending('order-alone'), [ANSWERED, TOTALS]],
  ['a pending order that nobody placed', 'pipeline', addPending('order-none'), [ANSWERED, TOTALS]],
  [
    'a pending order that the watermark has passed',
    'pipeline',
    run(`update journal set lines = replace(lines, '"ts":', '"ts":0,"was":') where owner = 'stream/pending'`),
    [ANSWERED, TOTALS],
  ],
  ['a total changed', 'pipeline', run(`update totals set amount = amount + 1 where what = 'orders'`), [TOTALS]],
  ['a total gone', 'pipeline', run(`delete from totals where what = 'cpc'`), [TOTALS]],
  ['an order answered twice', 'pipeline', (db) => addAnswer(db, { event_id: 'order-alone', order_id: 'order-of-order-alone' }), [ANSWERED]],
  ['an answer without an order', 'pipeline', (db) => addAnswer(db, { event_id: 'order-none', order_id: 'none' }), [ANSWERED]],
  [
    'an order due to a click that is not there',
    'pipeline',
    (db) => addAnswer(db, { event_id: 'order-x', order_id: 'x', click: CLICK_NONE }),
    [ANSWERED, CLICKED],
  ],
  ['a charge gone from the ledger', 'pipeline', run(`delete from ledger where kind = 'cpc' and event_id = 'click-paid'`), [LEDGER]],
  ['a charge of another amount', 'pipeline', run(`update ledger set amount = amount + 1 where kind = 'cpm'`), [LEDGER]],
  ['a counter changed', 'pipeline', run(`update ad_counters set amount = amount - 1 where kind = 'cpc'`), [LEDGER]],
  ['a counter gone', 'pipeline', run(`delete from ad_counters where kind = 'cpm'`), [LEDGER]],
  ['a counter of nothing', 'pipeline', run(`insert into ad_counters values ('ghost', '2026-03-01', 'cpc', 1, 500000)`), [LEDGER]],
  ['an event charged twice, counters and all', 'pipeline', chargeTwice, [ONCE]],
  ['a credit without its charge', 'pipeline', run('delete from order_charges'), [CREDITS]],
  ['a cancelled order not credited', 'pipeline', run('update order_charges set credited_by = null'), [CREDITS]],
  ['a credit for an order that was not cancelled', 'pipeline', run('delete from cancellations'), [CREDITS]],
  ['a charge for an order gone from the ledger', 'pipeline', run(`delete from ledger where kind = 'cpa'`), [LEDGER, CREDITS]],
  ['an order counted twice in the metrics', 'pipeline', run('update item_counters set orders = orders + 1'), [ITEMS]],
  ['revenue that no order brought', 'pipeline', run('update item_counters set attributed_paise = attributed_paise + 1'), [ITEMS]],
  ['a day gone from the metrics', 'pipeline', run('delete from item_counters'), [ITEMS]],
  [
    'an order counted twice by ad',
    'pipeline',
    run(`update ad_days set attributed_orders = attributed_orders + 1 where ad_id = 'cpc-1'`),
    [ADS],
  ],
  ['revenue by ad that no order brought', 'pipeline', run('update ad_days set attributed_paise = attributed_paise + 1'), [ADS]],
  ['a day gone by ad', 'pipeline', run('delete from ad_days'), [ADS]],
  [
    'an order counted by ad although that began after it',
    'pipeline',
    run(`insert into ad_days_began select partition, next from places where reader = 'billing-orders'`),
    [ADS],
  ],
  [
    'a dead letter gone',
    'pipeline',
    run(`delete from log_batches where topic = '${DEAD}' and rowid = (select max(rowid) from log_batches where topic = '${DEAD}')`),
    [LETTERS],
  ],
  ['a late event forgotten', 'pipeline', run('delete from late_events'), [ANSWERED, LATE]],
]

for (const [what, file, plant, expected] of PLANTED) {
  test(`found: ${what}`, async () => {
    const failed = await failing(file, plant)
    for (const name of expected) assert.ok(failed.includes(name), `${name} holds; what fails: ${failed.join(', ') || 'nothing'}`)
  })
}

const CLICK_NONE = { event_id: 'click-none', ad_id: 'cpc-1', campaign_id: null, timestamp: new Date(T0 + 1_000).toISOString() }

function addAnswer(db: DatabaseSync, more: object) {
  const timestamp = new Date(T0 + 5_000).toISOString()
  const answer = { user_id: 'u5', item_id: 1, price: 1, quantity: 1, timestamp, click: null, lag_ms: null, ...more }
  addRow(db, ATTRIBUTED, 0, endOf(db, ATTRIBUTED, 0), answer)
}

function chargeTwice(db: DatabaseSync) {
  run(
    `insert into ledger (event_id, ad_id, day, amount, kind) select event_id, ad_id, day, amount, kind from ledger where event_id = 'click-paid'`,
  )(db)
  run(`update ad_counters set count = count + 1, amount = amount + 500000 where kind = 'cpc'`)(db)
}

test('two users whose clients number their clicks alike are both charged', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await machine.heartbeat(0)
  await machine.click({ id: '1', user: 'u1', at: 1_000 })
  await machine.click({ id: '1', user: 'u2', at: 1_000 })
  await machine.heartbeat(60_000)
  await machine.read()
  await using stores = machine.stores()
  assert.equal((await summary(stores)).charged.count, 2)
  assert.equal((await audit(stores)).balanced, true)
})

test('the books balance after retention has trimmed every topic', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await smallDay(machine)
  const appendedBefore = T0 + 60_000
  for (const [log, topics] of [
    [machine.raw, [CLICKS, ORDERS]],
    [machine.pipeline.derived, [ATTRIBUTED, DEAD]],
  ] as const) {
    for (const topic of topics) {
      const readBefore = new Map((await log.ends(topic)).map(({ partition, end }) => [partition, end]))
      await log.trim(topic, { appendedBefore, readBefore })
    }
  }
  assert.ok((await machine.raw.ends(CLICKS)).some(({ start }) => start > 0))
  await using stores = machine.stores()
  assert.deepEqual(
    (await audit(stores)).checks.filter(({ ok }) => !ok),
    [],
  )
})

test('a store from before orders were counted by ad is counted so from its upgrade on, and its books balance', async () => {
  using folder = temporaryFolder()
  cpSync(base.path, folder.path, { recursive: true })
  const db = new DatabaseSync(join(folder.path, FILES.pipeline))
  db.exec(`drop table counter_changes; drop table counter_standing; drop table ad_days; drop table ad_days_began; drop index item_counters_by_day;
    alter table places drop column expired; alter table dead_actions drop column sent_to; alter table dead_actions drop column edited; pragma user_version = 2`)
  db.close()
  await using machine = openMachine(folder.path)
  const faults = async () => {
    await using stores = machine.stores()
    return (await audit(stores)).checks.filter(({ ok }) => !ok)
  }
  assert.deepEqual(await faults(), [])
  await machine.click({ id: 'click-after', user: 'u9', at: 100_000 })
  await machine.order({ id: 'order-after', user: 'u9', at: 101_000 })
  await machine.ship()
  await machine.heartbeat(200_000)
  await machine.read()
  assert.deepEqual(await faults(), [])
  const counted = machine.pipeline.db.prepare('select ad_id, clicks, attributed_orders, attributed_paise from ad_days').all()
  assert.deepEqual(
    counted.map((row) => Object.values(row)),
    [['cpc-1', 1, 1, 49_900]],
  )
})

test('a log without a pipeline, and one without either, can be audited as far as it goes', async () => {
  using folder = temporaryFolder()
  cpSync(join(base.path, FILES.raw), join(folder.path, FILES.raw))
  assert.equal((await auditOf(folder.path)).balanced, true)
  cpSync(join(base.path, FILES.edge), join(folder.path, FILES.edge))
  assert.equal((await auditOf(folder.path)).balanced, true)
})

test('where there is no store, that is said', async () => {
  using folder = temporaryFolder()
  await assert.rejects(auditOf(folder.path), (error) => hasCode(error, 'store_missing'))
})

/** Widens the gap between one store's snapshot and the next: much happens in it. */
function holdBeforeBegin(t: TestContext) {
  const exec = Function.prototype.call.bind(Reflect.get(DatabaseSync.prototype, 'exec')) as (db: DatabaseSync, sql: string) => void
  t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
    if (sql === 'begin') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, GAP_MS)
    exec(this, sql)
  })
}

test('the books balance at every moment while events are written, read, shipped and trimmed', async (t) => {
  holdBeforeBegin(t)
  using folder = temporaryFolder()
  const traffic = new Worker(new URL('./traffic.fixture.ts', import.meta.url), { workerData: folder.path })
  await using _ending = { [Symbol.asyncDispose]: async () => void (await traffic.terminate()) }
  const ended = once(traffic, 'exit')
  await once(traffic, 'message')
  for (let look = 0; look < LOOKS; look += 1) {
    await using stores = openStores({ dataDir: folder.path, topics: TOPIC_SPECS, clock: () => T0 })
    const { checks } = await audit(stores)
    assert.deepEqual(
      checks.filter(({ ok }) => !ok),
      [],
    )
  }
  traffic.postMessage('stop')
  assert.deepEqual(await ended, [0])
  assert.ok((await auditOf(folder.path)).checks.some(({ name, actual }) => name === CREDITS && actual > 0))
})

test('of a damaged store the file is named', async () => {
  using folder = temporaryFolder()
  cpSync(base.path, folder.path, { recursive: true })
  const path = join(folder.path, FILES.pipeline)
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode = delete')
  const { page_size: pageBytes } = db.prepare('pragma page_size').get() as { page_size: number }
  const { page } = db.prepare(`select rootpage as page from sqlite_schema where name = 'places'`).get() as { page: number }
  db.close()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(pageBytes, 0x5a), 0, pageBytes, (page - 1) * pageBytes)
  closeSync(file)
  await assert.rejects(
    auditOf(folder.path),
    (error) => hasCode(error, 'store_corrupt') && (error as Error).message.startsWith(`${path} is damaged`),
  )
})
