import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, GENERAL, ORDERS, type Topic } from '@flowguard/contract'
import { hasCode, type ErrorCode } from '../kernel/errors.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { Dialect, LoadPlace, Row, Warehouse } from './warehouse.ts'

/** One warehouse: what is opened again finds what was there. */
export interface WarehouseStore extends AsyncDisposable {
  open(): Warehouse
  openReadOnly(): Warehouse
}

/** What every database says in its own words. */
interface Words {
  /** One row: big, small, price, long, day, at, list, struct, none, yes, odd. */
  values: string
  /** The texts of the one parameter, a row each, as `a`. */
  texts: string
  refused: readonly string[]
  /** What only reads. */
  answered: readonly string[]
  /** 5000 rows from 0 on, and 1, both called `n`; and the types of these. */
  numbers: { sql: string; types: readonly [string, string] }
  /** Many rows, 100,000 characters each. */
  long: string
  /** Takes longer than anybody waits; and within how long something small is done beside two of them. */
  endless: string
  besideMs: number
}

const DUCKDB_WORDS: Words = {
  values: `select 9007199254740993 as big, 12::bigint as small, 1.50::decimal(9,2) as price, 1234567890123456.78::decimal(20,2) as long, date '2026-02-28' as day,
    timestamp '2026-02-28 01:02:03.5' as at, [1, 2] as list, {'a': 1.5::double} as struct, null as none, true as yes, 'nan'::double as odd`,
  texts: 'select unnest(?::varchar[]) as a',
  refused: [
    'explain analyze delete from bronze.places',
    'explain analyze set threads = 8',
    "explain analyze copy (select 1) to 'a.csv'",
    "explain (analyze) copy (select 1) to 'a.csv'",
    "explain /* */ analyze copy (select 1) to 'a.csv'",
    'explain analyze create temp table a as select 1',
    "select * from enable_logging(storage = 'file', storage_config = {'path': 'a'})",
    'select * from checkpoint()',
    "select * from query('select * from enable_' || 'logging()')",
    "select * from query/* */('select 1')",
    "copy bronze.places to '/tmp/flowguard-leak.csv'",
    "attach '/tmp/flowguard-leak.duckdb'",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "from glob('/etc/*')",
    'set threads = 8',
    'set enable_external_access = true',
    'pragma threads = 8',
    'load json',
    'checkpoint',
  ],
  answered: [
    'show all tables',
    'describe bronze.places',
    'summarize bronze.places',
    'explain select 1',
    'explain analyze from bronze.places',
    'from bronze.places',
  ],
  numbers: { sql: 'select range as n, 1 as n from range(5000)', types: ['BIGINT', 'INTEGER'] },
  long: "select repeat('x', 100000) from range(1000)",
  endless: 'select count(*) from range(100000000000)',
  besideMs: 1_500,
}

const SNOWFLAKE_WORDS: Words = {
  values: `select 9007199254740993 as big, 12::bigint as small, 1.50::number(9,2) as price, 1234567890123456.78::number(20,2) as long, date '2026-02-28' as day,
    '2026-02-28 01:02:03.5'::timestamp_ntz as at, parse_json('[1, 2]') as list, parse_json('{"a": 1.5}') as struct, null as none, true as yes, 'nan'::double as odd`,
  texts: 'select r.value::varchar as a from (select parse_json(?) as batch) as j, lateral flatten(input => j.batch) as r order by 1',
  refused: [
    'call system$wait(1)',
    "select system$abort_transaction('1')",
    'with p as procedure () returns int language sql as $$ begin return 1; end $$ call p()',
    'select 1 ->> drop table bronze.places',
    'select $1 from @~/secret.csv',
    "execute immediate 'drop table bronze.places'",
    'select 1 // ;\n; drop table bronze.places',
    "select '\\'' ; drop table bronze.places --'",
    'put file:///etc/passwd @~',
    'list @~',
    'use role accountadmin',
    "alter session set timezone = 'Asia/Kolkata'",
    'merge into bronze.places using bronze.places as s on false when not matched then insert (topic) values (1)',
    'truncate table bronze.places',
  ],
  answered: [
    'show tables in schema bronze',
    'describe table bronze.places',
    'with a as (select topic from bronze.places) select * from a',
    "/* what is asked; */ select 'call; me' as a -- ;",
    '(select 1);',
  ],
  numbers: {
    sql: 'select row_number() over (order by seq4()) - 1 as n, 1 as n from table(generator(rowcount => 5000)) order by 1',
    types: ['number(38,0)', 'number(38,0)'],
  },
  long: "select repeat('x', 100000) from table(generator(rowcount => 700))",
  endless:
    'select sum(a.n * b.n) from (select seq4() as n from table(generator(rowcount => 1000000))) a, (select seq4() as n from table(generator(rowcount => 1000000))) b',
  // The stand-in does all of it in one process.
  besideMs: 4_000,
}

const WORDS: Readonly<Record<Dialect, Words>> = { duckdb: DUCKDB_WORDS, snowflake: SNOWFLAKE_WORDS }

const NOW = Date.parse('2026-03-01T12:00:00.000Z')
const LIMITS = { rowsMax: 100, timeoutMs: 10_000 }
const LOG = 'log-1'

export const record = (topic: Topic, offset: number, value: unknown, more: Partial<LogRecord> = {}): LogRecord => ({
  topic,
  partition: 0,
  offset,
  key: 'u1',
  value: typeof value === 'string' ? value : JSON.stringify(value),
  headers: { content_hash: 'ab'.repeat(32) },
  appendedAt: NOW,
  ...more,
})

const written = { event_id: 'e1', user_id: 'u1', received_at: '2026-03-01T11:59:00.500Z', is_bot: false, ts: NOW - 60_123 }
export const click = (more: object = {}) => ({ event_type: 'click', ...written, ad_id: 'ad1', item_id: 7, ...more })
export const order = (more: object = {}) => ({
  event_type: 'order',
  ...written,
  order_id: 'o1',
  item_id: 7,
  item_name: 'Dosa',
  price: 249.5,
  quantity: 2,
  order_type: 'placed',
  ...more,
})
const general = (more: object = {}) => ({ event_type: 'custom', ...written, ...more })
const attributed = {
  order_id: 'o1',
  event_id: 'e1',
  user_id: 'u1',
  item_id: 7,
  price: 249.5,
  quantity: 2,
  timestamp: '2026-03-01T11:59:00.123Z',
  click: { event_id: 'c1', ad_id: 'ad1', campaign_id: 'cmp', timestamp: '2026-03-01T11:58:00.000Z' },
  lag_ms: 60_123,
}

export async function loadAll(warehouse: Warehouse, records: readonly LogRecord[]): Promise<void> {
  const places = [...new Set(records.map(({ topic, partition }) => `${topic}/${partition}`))].map((name) => {
    const first = records.find(({ topic, partition }) => `${topic}/${partition}` === name) as LogRecord
    return { topic: first.topic, partition: first.partition, next: first.offset, logId: LOG }
  })
  await warehouse.bronze.begin(places)
  using batch = await warehouse.bronze.batch(() => LOG)
  batch.add(records)
  await warehouse.bronze.load(batch, NOW)
}

export async function rowsOf(warehouse: Warehouse, sql: string): Promise<Row[]> {
  using session = await warehouse.session()
  return await session.rows(sql)
}

/** What every warehouse must do. */
export function conformsToWarehouse(openStore: () => WarehouseStore): void {
  const withWarehouse = (title: string, run: (warehouse: Warehouse, store: WarehouseStore) => Promise<void>) =>
    void test(title, async () => {
      await using store = openStore()
      await using warehouse = store.open()
      await run(warehouse, store)
    })

  withWarehouse('a click, an order, a general event and an answer are rows of their own tables, field by field', async (warehouse) => {
    await loadAll(warehouse, [
      record(CLICKS, 0, click({ session_id: 5, timestamp: '2026-03-01T17:28:59.877+05:30', extra: { a: [1, 'x'] } })),
      record(ORDERS, 4, order({ client_order_id: 'mine', city: 'पुणे' })),
      record(GENERAL, 0, general({ properties: { amount: 2.5, list: [1] } })),
      record(ATTRIBUTED, 0, attributed),
    ])
    const [first] = await rowsOf(warehouse, 'select * from bronze.clicks_raw')
    assert.deepEqual(
      [first?.['event_id'], first?.['event_type'], first?.['item_id'], first?.['session_id'], first?.['client_timestamp']],
      ['e1', 'click', 7, '5', '2026-03-01T17:28:59.877+05:30'],
    )
    assert.equal(first?.['event_timestamp'], '2026-03-01T11:58:59.877Z')
    assert.equal(first?.['partition_date'], '2026-03-01')
    assert.equal(first?.['content_hash'], 'ab'.repeat(32))
    assert.equal(first?.['ingestion_id'], `${LOG}/raw.clicks.v1-0-0`)
    assert.deepEqual(
      await rowsOf(warehouse, 'select price, quantity, status, client_order_id, city, source_offset from bronze.orders_raw'),
      [{ price: 249.5, quantity: 2, status: 'placed', client_order_id: 'mine', city: 'पुणे', source_offset: 4 }],
    )
    assert.deepEqual(await rowsOf(warehouse, 'select properties, event_type, producer_service from bronze.events_raw'), [
      { properties: '{"amount":2.5,"list":[1]}', event_type: 'custom', producer_service: 'events-gateway' },
    ])
    const answers = await rowsOf(warehouse, 'select * from bronze.attributed_raw')
    assert.deepEqual(
      ['order_event_id', 'click_event_id', 'campaign_id', 'click_timestamp', 'lag_ms', 'event_type', 'producer_service'].map(
        (name) => answers[0]?.[name],
      ),
      ['e1', 'c1', 'cmp', '2026-03-01T11:58:00.000Z', 60_123, 'attributed', 'stream'],
    )
  })

  withWarehouse('raw text that reads otherwise than it was validated is loaded as validated, and kept as it was', async (warehouse) => {
    const raws = [
      JSON.stringify(click()).replace('"ad_id":"ad1"', '"ad_id":"first","ad_id":"ad1"'),
      JSON.stringify(click()).replace('"item_id":7', '"item_id": 0.7e1'),
      JSON.stringify(click({ city: 'x\ud800y', 'a\udfff': '\\ud800', metadata: { 'b\udfff': '\ud800' } })),
      `${JSON.stringify(click()).slice(0, -1)},"big":123456789012345678901234567890,"ctl":"\\u001f"}`,
    ]
    const answer = { ...attributed, event_id: 'e\udfff', click: { ...attributed.click, ad_id: '\ud800' } }
    await loadAll(warehouse, [
      ...raws.map((raw, offset) => record(CLICKS, offset, raw)),
      // A click that is said to be part of a click.
      record(CLICKS, raws.length, click({ event_id: 'last', click: { 'a\ud800': { b: '\ud800' } } })),
      record(ATTRIBUTED, 0, answer),
    ])
    assert.deepEqual(await rowsOf(warehouse, 'select order_event_id, ad_id from bronze.attributed_raw'), [
      { order_event_id: 'e\ufffd', ad_id: '\ufffd' },
    ])
    const rows = await rowsOf(
      warehouse,
      `select ad_id, item_id, raw_event, city from bronze.clicks_raw where event_id <> 'last' order by source_offset`,
    )
    assert.deepEqual(
      rows.map((row) => [row['ad_id'], row['item_id']]),
      raws.map(() => ['ad1', 7]),
    )
    assert.deepEqual(
      rows.map((row) => row['raw_event']),
      raws,
    )
    assert.equal(rows[2]?.['city'], 'x\ufffdy')
  })

  withWarehouse('what is no event of ours is an invalid row with its text, and a heartbeat is none', async (warehouse) => {
    const values = [
      'not JSON\n\u0001"',
      '{"event_type":"nonsense"}',
      '{"event_type":"heartbeat","ts":1}',
      JSON.stringify(click({ ts: NOW + 3_600_000 })),
    ]
    await loadAll(
      warehouse,
      values.map((value, offset) => record(CLICKS, offset, value)),
    )
    const rows = await rowsOf(
      warehouse,
      'select event_type, event_id, raw_event, source_offset, partition_date from bronze.clicks_raw order by source_offset',
    )
    const invalid = (offset: number) => ({
      event_type: 'invalid',
      event_id: null,
      raw_event: values[offset],
      source_offset: offset,
      partition_date: '2026-03-01',
    })
    assert.deepEqual(rows, [invalid(0), invalid(1), invalid(3)])
    const [place] = await warehouse.bronze.places()
    assert.deepEqual([place?.next, place?.read, place?.applied, place?.skipped], [4, 4, 3, 1])
  })

  withWarehouse('a content hash that could be taken for the structure of the file breaks no row', async (warehouse) => {
    const odd = record(CLICKS, 1, click({ event_id: 'e2' }), { headers: { content_hash: 'ab\u0001cd\n' } })
    await loadAll(warehouse, [record(CLICKS, 0, click()), odd, record(CLICKS, 2, click({ event_id: 'e3' }), { headers: {} })])
    assert.deepEqual(await rowsOf(warehouse, 'select event_id, content_hash from bronze.clicks_raw order by source_offset'), [
      { event_id: 'e1', content_hash: 'ab'.repeat(32) },
      { event_id: 'e2', content_hash: 'abcd' },
      { event_id: 'e3', content_hash: null },
    ])
  })

  withWarehouse('a batch is loaded only from where the places stand, and nothing of it otherwise', async (warehouse) => {
    await loadAll(warehouse, [record(CLICKS, 0, click()), record(ORDERS, 0, order())])
    using again = await warehouse.bronze.batch(() => LOG)
    again.add([record(CLICKS, 1, click({ event_id: 'e2' })), record(ORDERS, 0, order())])
    await assert.rejects(warehouse.bronze.load(again, NOW), isCode('place_moved'))
    assert.deepEqual(await rowsOf(warehouse, 'select count(*) as n from bronze.clicks_raw'), [{ n: 1 }])
    assert.deepEqual(
      (await warehouse.bronze.places()).map(({ next }) => next),
      [1, 1],
    )
  })

  withWarehouse('what the log deleted unread is booked and passed, from where the places stand, or not at all', async (warehouse) => {
    await loadAll(warehouse, [record(CLICKS, 0, click()), record(ORDERS, 0, order())])
    const stretch = (topic: Topic, from: number, to: number) => ({ topic, partition: 0, from, to })
    await assert.rejects(warehouse.bronze.expire([stretch(CLICKS, 1, 40), stretch(ORDERS, 0, 5)]), isCode('place_moved'))
    const booked = (places: readonly LoadPlace[]) =>
      places.map(({ topic, began, expired, next, read }) => [topic, began, expired, next, read])
    assert.deepEqual(booked(await warehouse.bronze.places()), [
      [CLICKS, 0, 0, 1, 1],
      [ORDERS, 0, 0, 1, 1],
    ])
    assert.deepEqual(booked(await warehouse.bronze.expire([stretch(CLICKS, 1, 40)])), [
      [CLICKS, 0, 39, 40, 1],
      [ORDERS, 0, 0, 1, 1],
    ])
    await loadAll(warehouse, [record(CLICKS, 40, click({ event_id: 'e2' }))])
    assert.deepEqual(await rowsOf(warehouse, 'select source_offset as at from bronze.clicks_raw order by 1'), [{ at: 0 }, { at: 40 }])
  })

  withWarehouse('rows that are there already are not loaded again, wherever the place stands', async (warehouse) => {
    const records = [0, 1, 2].map((offset) => record(CLICKS, offset, click({ event_id: `e${offset}` })))
    await loadAll(warehouse, records)
    using session = await warehouse.session()
    await session.run(`update bronze.places set "next" = 1`)
    using again = await warehouse.bronze.batch(() => LOG)
    again.add([...records.slice(1), record(CLICKS, 3, click({ event_id: 'e3' }))])
    await warehouse.bronze.load(again, NOW)
    assert.deepEqual(await session.rows('select source_offset as at from bronze.clicks_raw order by 1'), [
      { at: 0 },
      { at: 1 },
      { at: 2 },
      { at: 3 },
    ])
  })

  withWarehouse('what was loaded is there when it is opened again', async (warehouse, store) => {
    await loadAll(warehouse, [record(CLICKS, 0, click())])
    await warehouse[Symbol.asyncDispose]()
    await using later = store.openReadOnly()
    assert.deepEqual((await later.query('select event_id from bronze.clicks_raw', LIMITS)).rows, [['e1']])
  })

  withWarehouse('a transaction that throws leaves nothing, and nobody sees it before it commits', async (warehouse) => {
    using one = await warehouse.session()
    using other = await warehouse.session()
    await one.run('create table bronze.t (a integer)')
    const failed = one.transaction(async () => {
      assert.equal(await one.run('insert into bronze.t values (1), (2)'), 2)
      assert.deepEqual(await other.rows('select * from bronze.t'), [])
      throw new Error('no')
    })
    await assert.rejects(failed, /no/)
    assert.deepEqual(await one.rows('select * from bronze.t'), [])
    await one.transaction(() => one.run('insert into bronze.t values (?)', [3]))
    assert.deepEqual(await other.rows('select * from bronze.t'), [{ a: 3 }])
  })

  withWarehouse('values come as answers carry them', async (warehouse) => {
    using session = await warehouse.session()
    const [row] = await session.rows(WORDS[warehouse.dialect].values)
    assert.deepEqual(row, {
      big: '9007199254740993',
      small: 12,
      price: 1.5,
      long: '1234567890123456.78',
      day: '2026-02-28',
      at: '2026-02-28T01:02:03.500Z',
      list: [1, 2],
      struct: { a: 1.5 },
      none: null,
      yes: true,
      odd: 'NaN',
    })
    assert.deepEqual(await session.rows('select ? as a, ? as b, ? as c, ? as d, ? as e', ['x', 3, 0.5, null, true]), [
      { a: 'x', b: 3, c: 0.5, d: null, e: true },
    ])
    assert.deepEqual(await session.rows(WORDS[warehouse.dialect].texts, [['x', 'y']]), [{ a: 'x' }, { a: 'y' }])
  })

  const REFUSED: readonly string[] = [
    'insert into bronze.places select * from bronze.places',
    'update bronze.places set "next" = 0',
    'delete from bronze.places',
    'drop table bronze.clicks_raw',
    'create table t (a integer)',
    'with a as (select topic from bronze.places) insert into bronze.places (topic) select * from a',
    'begin transaction',
    'select 1; select 2',
    'select 1; drop table bronze.clicks_raw',
    '',
    '-- nothing',
  ]
  for (const readOnly of [false, true]) {
    withWarehouse(
      `typed statements that do more than read are refused${readOnly ? ', on a file opened for reading too' : ''}`,
      async (warehouse, store) => {
        await loadAll(warehouse, [record(CLICKS, 0, click())])
        if (readOnly) await warehouse[Symbol.asyncDispose]()
        await using asked = readOnly ? store.openReadOnly() : undefined
        const query = (asked ?? warehouse).query
        for (const sql of [...REFUSED, ...WORDS[warehouse.dialect].refused])
          await assert.rejects(query(sql, LIMITS), isCode('query_refused'), sql)
        assert.deepEqual((await query('select count(*) from bronze.clicks_raw', LIMITS)).rows, [[1]])
        if (warehouse.dialect === 'duckdb')
          assert.ok((await query("select value from duckdb_settings() where name = 'threads'", LIMITS)).rows[0]?.[0] !== '8')
      },
    )
  }

  withWarehouse('a typed statement is answered up to its limits of rows and time', async (warehouse) => {
    const { numbers, endless, long, answered } = WORDS[warehouse.dialect]
    const few = await warehouse.query(numbers.sql, { rowsMax: 3, timeoutMs: 5_000 })
    assert.deepEqual(few, {
      columns: [
        { name: 'n', type: numbers.types[0] },
        { name: 'n', type: numbers.types[1] },
      ],
      rows: [
        [0, 1],
        [1, 1],
        [2, 1],
      ],
      truncated: true,
    })
    assert.equal((await warehouse.query('select 1', { rowsMax: 1, timeoutMs: 5_000 })).truncated, false)
    await assert.rejects(warehouse.query(endless, { rowsMax: 1, timeoutMs: 50 }), isCode('query_stopped'))
    await assert.rejects(warehouse.query(long, { rowsMax: 1_000, timeoutMs: 20_000 }), isCode('query_stopped'))
    await assert.rejects(warehouse.query('select nothing', LIMITS), isCode('query_failed'))
    for (const sql of answered) {
      await warehouse.query(sql, LIMITS)
    }
  })

  withWarehouse('typed statements that take long hold up no loading', async (warehouse) => {
    const { endless, besideMs } = WORDS[warehouse.dialect]
    await loadAll(warehouse, [record(CLICKS, 0, click())])
    const slow = Array.from({ length: 4 }, () => warehouse.query(endless, { rowsMax: 1, timeoutMs: besideMs }))
    const stopped = Promise.allSettled(slow)
    using batch = await warehouse.bronze.batch(() => LOG)
    batch.add([record(CLICKS, 1, click())])
    const first = await Promise.race([warehouse.bronze.load(batch, NOW).then(() => 'loaded'), stopped.then(() => 'stopped')])
    assert.equal(first, 'loaded')
    await stopped
  })
}

const isCode = (code: ErrorCode) => (error: unknown) => {
  assert.ok(hasCode(error, code), `${code} was expected: ${String(error)}`)
  return true
}
