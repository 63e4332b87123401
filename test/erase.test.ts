import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { erase, planErasure, type ErasureDone, type Erasing } from '../packages/pipeline/src/wiring/erase.ts'
import { readSettings } from '../packages/pipeline/src/kernel/config.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import type { Step } from '../packages/pipeline/src/kernel/crash.ts'
import { openReadOnly } from '../packages/pipeline/src/kernel/sqlite.ts'
import { answersOf, assertBalanced, assertInLake, SMALL_BATCHES, type Sent } from './support/answers.ts'
import { madeUpEvents, writeAds, writeEvents } from './support/files.ts'
import { startMachine, until, type Machine } from './support/machine.ts'

const RAVI = 'ravi.k+7@example.com'
/** A number, as it is any other thing's too: an item's, an ad's. */
const NUMBERED = '11'
/** JSON writes it otherwise. */
const IN_DOMAIN = String.raw`CORP\anna1`
const DAY = '2026-03-01'
/** One after the other on one folder: each call is killed further on than the one before it. */
const KILLS: readonly `${Step}:${number}`[] = [
  ...(process.env['FLOWGUARD_SOAK'] === undefined
    ? []
    : (['erase.after-list:1', 'erase.after-tables:2', 'erase.after-lake-entry:1'] as const)),
  'erase.after-lake-file:1',
  'erase.after-warehouse:1',
]

const events = withRavi(madeUpEvents(700, mulberry32(23)))

/** User 7 under a name, with all that a browser may send of somebody; what a friend says of them; a flood of orders, a repeat that differs, and events that fail. */
function withRavi(made: readonly Sent[]): Sent[] {
  const last = Date.parse(made.at(-1)!.timestamp)
  const time = (at: number) => new Date(last + 1_000 * at).toISOString()
  const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
  const own = {
    user_id: RAVI,
    session_id: `s-99-${RAVI}`,
    ip_address: '203.0.113.77',
    page_url: `/of/${RAVI}`,
    metadata: { mail: RAVI, deep: [{ [`of ${RAVI}`]: 1 }] },
    nickname: 'Ravi the Great',
  }
  const click = { event_type: 'click', item_id: 3, ad_id: 'ad_3', timestamp: time(1) } as const
  return [
    ...made.map((event) => (event.user_id === 7 ? { ...event, ...own } : event)),
    { ...click, ...own, event_id: 'again' },
    { ...click, ...own, event_id: 'again', page_url: `/else/${RAVI}` },
    { ...click, event_id: 'friend', user_id: 12, metadata: { invited_by: RAVI, says: `Greetings from ${RAVI}.` } },
    { ...click, event_id: 'eleven', user_id: 12, ad_campaign_id: NUMBERED, metadata: { table: NUMBERED, seat: 11, by: { user_id: 11 } } },
    { ...click, event_id: 'in-domain', user_id: IN_DOMAIN, page_url: `/of/${IN_DOMAIN}` },
    { ...click, event_id: 'her-friend', user_id: 12, metadata: { invited_by: IN_DOMAIN, sent: JSON.stringify({ by: IN_DOMAIN }) } },
    ...Array.from({ length: 7 }, (_, n): Sent => {
      const order = { event_type: 'order', event_id: `flood-${n}`, timestamp: time(2 + n), item_id: 3, price: 120, quantity: 1 } as const
      return { ...order, ...own, order_id: `basket-${n}` }
    }),
    ...[30, -1].map((amount, n) => {
      const general = { event_type: 'purchase', event_id: uuid(n), timestamp: time(10 + n), properties: { amount, mail: RAVI } }
      return { ...general, user_id: RAVI } as unknown as Sent
    }),
    { event_type: 'click', event_id: 'end', timestamp: time(30), user_id: 12, item_id: 3, ad_id: 'ad_3' },
  ]
}

/** Whatever was counted, summed or charged, in the tables that people read. */
const COUNTED = {
  ledger: 'select ad_id, day, kind, amount, event_id from ledger order by event_id, kind',
  counters: 'select * from ad_counters order by ad_id, day, kind',
  items: 'select * from item_counters order by item_id, day',
  totals: 'select * from totals order by what',
  places:
    'select reader, topic, partition, next, read, applied, duplicate, late, skipped, dead from places order by reader, topic, partition',
}
const GOLD = [
  'daily_gmv_metrics',
  'food_item_performance',
  'user_funnel_metrics',
  'hourly_order_patterns',
  'user_cohort_metrics',
  'ad_attribution',
]

async function totalsOf(machine: Machine): Promise<Record<string, unknown>> {
  const pipeline = openReadOnly(join(machine.dataDir, 'pipeline.db'))
  const tables = Object.fromEntries(Object.entries(COUNTED).map(([name, sql]) => [name, pipeline.prepare(sql).all()]))
  pipeline.close()
  const edge = openReadOnly(join(machine.dataDir, 'edge.db'))
  const orders = edge
    .prepare('select count(*) as orders, count(distinct user_id) as users, sum(price_paise * quantity) as paise from orders')
    .get()
  edge.close()
  return { ...tables, orders, ...(await goldOf(machine)), answers: await answersOf(machine.dataDir) }
}

async function goldOf({ dataDir }: Machine): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    await inWarehouse(dataDir, async (rows) => {
      const found: [string, unknown][] = []
      for (const name of GOLD)
        found.push([
          name,
          (await rows(`select t::varchar as text from (select columns(c -> c <> 'user_id') from gold.${name}) t`))
            .map(({ text }) => text as string)
            .sort((a, b) => (a < b ? -1 : 1)),
        ])
      return found
    }),
  )
}

type Rows = (sql: string) => Promise<Record<string, string>[]>

async function inWarehouse<T>(dataDir: string, work: (rows: Rows) => Promise<T>): Promise<T> {
  const instance = await DuckDBInstance.create(join(dataDir, 'warehouse.duckdb'), { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  try {
    return await work(async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, string>[])
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** By other means than the command's: the bytes of every file but the log's, and of what is packed every row as text. */
async function namedIn(dataDir: string, text: string): Promise<string[]> {
  const found: string[] = []
  const files = readdirSync(dataDir, { withFileTypes: true, recursive: true }).filter((each) => each.isFile())
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name)
    if (!name.startsWith('raw-log.db') && readFileSync(path).includes(text)) found.push(relative(dataDir, path))
  }
  await inWarehouse(dataDir, async (rows) => {
    const parquet = join(dataDir, 'lake/topic=*/*/*/*.parquet')
    const tables = (await rows("select schema_name || '.' || table_name as name from duckdb_tables()")).map(({ name }) => name as string)
    for (const from of [...tables, `read_parquet('${parquet}')`]) {
      const [row] = await rows(`select count(*) as n from ${from} t where contains(t::varchar, '${text}')`)
      if (Number(row!['n']) > 0) found.push(from)
    }
  })
  return found
}

/** In this process, which spares one its start. */
const erasing = ({ env, dataDir }: Machine): Erasing => ({
  settings: readSettings({ DATA_DIR: dataDir }, env, dataDir),
  clock: Date.now,
  logger: () => silentLogger,
  onStep: () => undefined,
})

const loadedRows = ({ dataDir }: Machine) => {
  const db = openReadOnly(join(dataDir, 'pipeline.db'))
  const row = db.prepare("select coalesce(sum(applied), 0) as n from places where reader = 'loader'").get() as { n: number }
  db.close()
  return row.n
}

test('a person is taken out of every store, killed again and again: nobody finds them, every total stays, and nothing brings them back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-erase-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = { ADS_FILE: writeAds(folder, events), ...SMALL_BATCHES, ETL: 'off' }
  await using machine = await startMachine({ env })
  const sent = await machine.cli('replay', writeEvents(folder, 'events.ndjson', events), '--drain')
  assert.equal(sent.code, 0, sent.stderr)
  const made = await machine.cli('etl', 'run', '--date', DAY)
  assert.equal(made.code, 0, made.stderr)
  await until('the failed event and the repeat are dead letters', () => deadIn(machine) > 1)
  await assertInLake(machine)
  await machine.stop('edge')
  const before = await totalsOf(machine)

  const { found: planned, log_copies: copies } = await planErasure(erasing(machine), RAVI)
  const stores = new Set(planned.map(({ store, place }) => `${store} ${place}`))
  for (const place of [
    'edge.db orders.user_id',
    'lane.db processed_events.user_id',
    'lane.db failed_events.user_id',
    'lane.db dead.v1',
    'pipeline.db journal.lines',
    'pipeline.db user_notes.user_id',
    'pipeline.db journeys.user_hash',
    'pipeline.db alerts.subject',
    'pipeline.db alerts.v1',
    'pipeline.db attributed.events.v1',
    'pipeline.db dead.v1',
    'lake raw.orders.v1',
    'lake raw.events.v1',
    'warehouse.duckdb bronze.clicks_raw.raw_event',
    'warehouse.duckdb silver.user_sessions.session_id',
  ])
    assert.ok(stores.has(place), `${place} is not among ${[...stores].join(', ')}`)
  assert.deepEqual(copies.map(({ topic }) => topic).sort(), ['raw.clicks.v1', 'raw.events.v1', 'raw.orders.v1'])
  assert.ok((await namedIn(machine.dataDir, RAVI)).length > 5)

  for (const kill of KILLS) {
    machine.env['FLOWGUARD_CRASH'] = kill
    assert.equal((await machine.cli('erase', '--user', RAVI, '--yes')).code, null, kill)
  }
  delete machine.env['FLOWGUARD_CRASH']
  const done = await machine.cli('erase', '--user', RAVI, '--yes', '--json')
  assert.equal(done.code, 0, `${done.stdout}${done.stderr}`)
  const { pseudonym, found, log_copies: kept } = JSON.parse(done.stdout) as ErasureDone
  assert.deepEqual(found, [])
  assert.deepEqual(kept, copies)
  assert.match(kept[0]!.expires_on, /^\d{4}-\d\d-\d\d$/)
  for (const text of [RAVI, 'ravi.k', '203.0.113.77', 'Ravi the Great']) assert.deepEqual(await namedIn(machine.dataDir, text), [], text)
  assert.deepEqual(await totalsOf(machine), before)
  await assertBalanced(machine.dataDir)
  const lake = await machine.cli('lake', 'check')
  assert.equal(lake.code, 0, lake.stdout)
  assert.deepEqual((await erase(erasing(machine), RAVI)).changed, [])

  const numbered = await erase(erasing(machine), NUMBERED)
  assert.ok(numbered.changed.some(({ place }) => place === 'bronze.clicks_raw'))
  assert.deepEqual(await totalsOf(machine), before)
  const [eleven] = await inWarehouse(machine.dataDir, (rows) =>
    rows(`select ad_campaign_id as campaign, raw_event as raw from bronze.clicks_raw where event_id = 'eleven'`),
  )
  assert.equal(eleven!['campaign'], NUMBERED, 'what is only called the same stays')
  assert.match(eleven!['raw'] as string, /"table":"11","seat":11,"by":{"user_id":"erased-/)

  assert.ok((await namedIn(machine.dataDir, 'anna1')).length > 5)
  assert.deepEqual((await erase(erasing(machine), IN_DOMAIN)).found, [])
  assert.deepEqual(await namedIn(machine.dataDir, 'anna1'), [])
  assert.deepEqual(await totalsOf(machine), before)

  await Promise.all([machine.start('edge'), machine.start('pipeline')])
  const trace = await machine.cli('trace', 'flood-3')
  assert.match(trace.stdout, new RegExp(pseudonym))
  assert.match(trace.stdout, /log +in raw\.orders\.v1[^]*attributed to click again/)
  assert.doesNotMatch(trace.stdout, /ravi/)
  const journey = await fetch(`${machine.gatewayUrl}/api/v1/users/${pseudonym}/journey`)
  assert.equal(journey.status, 200, 'the sessions go on under the pseudonym')
  // What is sent from now on: a repeat is a repeat, and what is new names nobody.
  const repeat = events.find(({ event_id: id }) => id === 'flood-3') as Sent
  const rows = loadedRows(machine)
  const fresh = {
    event_type: 'click',
    event_id: 'fresh',
    timestamp: '2026-03-02T09:00:00Z',
    user_id: RAVI,
    item_id: 3,
    ad_id: 'ad_3',
    nickname: 'Ravi the Great',
  }
  const more = await machine.cli('replay', writeEvents(folder, 'more.ndjson', [repeat, fresh as Sent]), '--late', '--drain', '--json')
  assert.deepEqual({ duplicate: JSON.parse(more.stdout).duplicate, code: more.code }, { duplicate: 1, code: 0 }, more.stderr)
  await until('the click is loaded', () => loadedRows(machine) > rows)
  const redone = await machine.cli('etl', 'run', '--date', DAY)
  assert.equal(redone.code, 0, redone.stderr)
  await Promise.all([machine.stop('edge'), machine.stop('pipeline')])
  const db = openReadOnly(join(machine.dataDir, 'raw-log.db'))
  const named = db.prepare('select count(*) as n from log_batches where instr(body, ?) > 0 and instr(body, \'"fresh"\') > 0').get(RAVI)
  db.close()
  assert.deepEqual({ ...named }, { n: 0 }, 'the log itself is not told any more')

  // From the log, which still has its copy.
  const rebuilt = await machine.cli('warehouse', 'rebuild', '--force')
  assert.equal(rebuilt.code, 0, rebuilt.stderr)
  for (const text of [RAVI, '203.0.113.77', 'Ravi the Great']) assert.deepEqual(await namedIn(machine.dataDir, text), [], text)
  const [bronze] = await inWarehouse(machine.dataDir, (ask) =>
    ask(`select count(*) as n from bronze.orders_raw where user_id = '${pseudonym}'`),
  )
  assert.ok(Number(bronze!['n']) >= 7)
  await assertBalanced(machine.dataDir)
  assert.ok(existsSync(join(machine.dataDir, 'erased.json')))
  assert.doesNotMatch(readFileSync(join(machine.dataDir, 'erased.json'), 'utf8'), /ravi/)
})

function deadIn({ dataDir }: Machine): number {
  const db = openReadOnly(join(dataDir, 'pipeline.db'))
  const row = db.prepare("select coalesce(sum(count), 0) as n from log_batches where topic = 'dead.v1'").get() as { n: number }
  db.close()
  return row.n
}
