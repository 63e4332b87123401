import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { gzipSync } from 'node:zlib'
import { EVENT_BYTES_MAX } from '@flowguard/contract'
import { DuckDBInstance } from '@duckdb/node-api'
import { hasCode } from '../kernel/errors.ts'
import type { FileEvent } from './replay-file.ts'
import { openSource } from './replay-source.ts'
import { temporaryFolder } from './testing/run.ts'

interface Read {
  events: FileEvent[]
  said: string[]
  sha256: string
}

async function read(path: string, sql?: string, afterLine = 0): Promise<Read> {
  const said: string[] = []
  await using source = await openSource(path, {
    mapping: sql === undefined ? undefined : { path: 'the.sql', sql },
    signal: new AbortController().signal,
    say: (text) => said.push(text),
  })
  return { events: (await Array.fromAsync(source.read({ afterLine }))).flat(), said, sha256: source.sha256 }
}

const values = ({ events }: Read) => events.map((each) => ('text' in each ? (JSON.parse(each.text) as unknown) : each.fault))

/** Columns of a SELECT, as Parquet. */
async function writeParquet(path: string, select: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run(`copy (${select}) to '${path}' (format parquet)`)
  connection.closeSync()
  instance.closeSync()
}

test('CSV, JSON and Parquet give the same events by one mapping, gzipped or not, whatever they are called', async () => {
  using folder = temporaryFolder()
  const csv = 'who,what,paid,at\nada,7,249.50,2026-01-31 19:30:00\n"b,b",8,,2026-01-31 19:31:00\n'
  const rows = [
    { who: 'ada', what: 7, paid: 249.5, at: '2026-01-31 19:30:00' },
    { who: 'b,b', what: 8, at: '2026-01-31 19:31:00' },
  ]
  const lines = rows.map((row) => JSON.stringify(row)).join('\n')
  writeFileSync(folder.file("it's [1]*.csv"), csv)
  writeFileSync(folder.file('packed'), gzipSync(csv))
  writeFileSync(folder.file('tabs.tsv'), csv.replace('"b,b"', 'b;b').replaceAll(',', '\t').replace('b;b', 'b,b'))
  writeFileSync(folder.file('a.json'), JSON.stringify(rows, null, 2))
  writeFileSync(folder.file('a.ndjson.gz'), gzipSync(lines))
  await writeParquet(folder.file('a.parquet'), `from read_csv('${folder.file('packed')}', compression = 'gzip')`)
  const sql = `select 'order' event_type, who user_id, what item_id, paid price, "at"::timestamp "timestamp" from input;  -- all of it`
  for (const name of readdirSync(folder.path)) {
    assert.deepEqual(
      values(await read(folder.file(name), sql)),
      [
        { timestamp: '2026-01-31T19:30:00.000Z', event_type: 'order', user_id: 'ada', item_id: 7, price: 249.5 },
        { timestamp: '2026-01-31T19:31:00.000Z', event_type: 'order', user_id: 'b,b', item_id: 8 },
      ],
      name,
    )
  }
})

test('values become what JSON has for them', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.csv'), 'one\n1\n')
  const sql = `select timestamptz '2026-01-01 10:00:00+05:30' "timestamp", 42 event_id, 2.55::float price, 1.10::decimal(9, 2) quantity,
    9007199254740991 item_id, true is_click, date '2026-02-03' item_name, '{"a": [1, null]}' metadata, {'x': null, 'y': {'z': null, 'l': ['é"\\']}} properties,
    null city, 'plain' "location", '{"v": 1}'::json "odd""name" from input`
  const { events, said } = await read(folder.file('a.csv'), sql)
  assert.deepEqual(values({ events, said, sha256: '' }), [
    {
      timestamp: '2026-01-01T04:30:00.000Z',
      event_id: '42',
      price: 2.55,
      quantity: 1.1,
      item_id: 9007199254740991,
      is_click: true,
      item_name: '2026-02-03T00:00:00.000Z',
      metadata: { a: [1, null] },
      properties: { y: { l: ['é"\\'] } },
      location: 'plain',
      'odd"name': { v: 1 },
    },
  ])
  assert.deepEqual(said, ['the.sql: no event has the field odd"name: kept as given.'])
})

test('the time and the id of an event are known, however they are written', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.csv'), 'i\n1\n2\n3\n4\n5\n')
  const sql = `select case i when 3 then null when 4 then 'no "time"' else '2026-01-01T00:00:0' || i || 'Z' end "timestamp",
    case i when 1 then 'own' when 2 then '' when 3 then 'null:null' when 4 then 'a"b' end event_id from input`
  const { events } = await read(folder.file('a.csv'), sql)
  const start = Date.parse('2026-01-01T00:00:00Z')
  assert.deepEqual(
    events.map((each) => 'text' in each && [each.ts, each.hasId]),
    [
      [start + 1_000, true],
      [start + 2_000, false],
      [undefined, true],
      [undefined, true],
      [start + 5_000, false],
    ],
  )
})

test('a row with a reason, one too large and one that JSON cannot say are no events, and keep their number', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.csv'), 'i\n1\n2\n3\n4\n5\n6\n')
  const sql = `select 'order' event_type, i item_id, case i when 3 then repeat('x', ${EVENT_BYTES_MAX}) else 'x' end item_name, case i when 4 then 'nan' when 6 then '-inf' else '1' end::double price,
    case i when 2 then 'not "wanted"' when 5 then '' end reject_reason from input`
  const { events } = await read(folder.file('a.csv'), sql)
  assert.deepEqual(
    events.map((each) => ('fault' in each ? [each.line, each.fault] : [each.line])),
    [[1], [2, 'not "wanted"'], [3, 'too_large'], [4, 'malformed_json'], [5, 'rejected'], [6, 'malformed_json']],
  )
})

test('rows come in the order of the SELECT, and after the one that was the last', async () => {
  using folder = temporaryFolder()
  const count = 10_000
  writeFileSync(folder.file('a.csv'), `i\n${Array.from({ length: count }, (_, at) => at).join('\n')}\n`)
  const items = async (sql: string, afterLine?: number) =>
    (await read(folder.file('a.csv'), sql, afterLine)).events.map((each) => 'text' in each && [each.line, JSON.parse(each.text).item_id])
  const all = Array.from({ length: count }, (_, at) => [at + 1, at])
  assert.deepEqual(await items('select i item_id from input'), all)
  assert.deepEqual(await items('select i item_id from input', 4_321), all.slice(4_321))
  assert.deepEqual(await items('select i item_id from input order by i desc', 9_998), [
    [9_999, 1],
    [10_000, 0],
  ])
})

test('Parquet needs no mapping where its columns have our names', async () => {
  using folder = temporaryFolder()
  await writeParquet(
    folder.file('a.parquet'),
    `select 'click' event_type, 'a1' ad_id, 5 user_id, timestamp '2026-01-01 00:00:00' "timestamp"`,
  )
  assert.deepEqual(values(await read(folder.file('a.parquet'))), [
    { timestamp: '2026-01-01T00:00:00.000Z', event_type: 'click', ad_id: 'a1', user_id: 5 },
  ])
  await writeParquet(folder.file('b.parquet'), `select 1 colour`)
  await assert.rejects(
    read(folder.file('b.parquet')),
    (error: Error) => hasCode(error, 'file_invalid') && /b\.parquet: none of .*: colour/.test(error.message),
  )
})

test('another mapping of the same file is another source', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.csv'), 'i\n1\n')
  const [one, same, other] = await Promise.all(
    ['1', '1', '2'].map((price) => read(folder.file('a.csv'), `select ${price} price from input`)),
  )
  assert.equal(one?.sha256, same?.sha256)
  assert.notEqual(one?.sha256, other?.sha256)
})

test('times in JSON keep their zone', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.json'), '[{"timestamp": "2026-01-01T10:00:00+05:30", "metadata": {"day": "2026-01-01"}}]')
  assert.deepEqual(values(await read(folder.file('a.json'), 'from input')), [
    { timestamp: '2026-01-01T10:00:00+05:30', metadata: { day: '2026-01-01' } },
  ])
})

test('only one SELECT is taken, and what is wrong with it is said', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.csv'), 'i\n1\nx\n')
  for (const [sql, words] of [
    ['', /one SELECT/],
    ['-- nothing', /one SELECT/],
    ['select 1 as price; select 2 as price', /one SELECT/],
    ['drop view input', /one SELECT/],
    [`copy (select 1) to '${folder.file('made.csv')}'`, /one SELECT/],
    ['explain select 1', /one SELECT/],
    ['describe input', /the\.sql: /],
    ['select ? as price from input', /the\.sql: /],
    ['selec 1', /syntax error at or near "selec"/],
    ['select nix as price from input', /"nix" not found.*\n.*"i"/],
    ['select i as Colour, i as Price from input', /none of its columns .*: Colour, Price/],
    ['select i::int as price from input', /Could not convert string 'x'/],
  ] as const) {
    await assert.rejects(
      read(folder.file('a.csv'), sql),
      (error: Error) => hasCode(error, 'mapping_invalid') && words.test(error.message),
      sql,
    )
  }
  assert.deepEqual(readdirSync(folder.path), ['a.csv'])
})

test('the folder for what does not fit into memory goes with the source', async () => {
  using folder = temporaryFolder()
  using other = temporaryFolder()
  writeFileSync(folder.file('a.csv'), 'i\n1\n')
  const { TMPDIR, TEMP } = process.env
  Object.assign(process.env, { TMPDIR: other.path, TEMP: other.path })
  try {
    const opened = await openSource(folder.file('a.csv'), {
      mapping: { path: 'the.sql', sql: 'select i as price from input' },
      signal: new AbortController().signal,
      say: (text) => assert.equal(text, undefined),
    })
    assert.equal(readdirSync(other.path).length, 1)
    await opened[Symbol.asyncDispose]()
    await assert.rejects(read(folder.file('a.csv'), 'selec'))
    assert.deepEqual(readdirSync(other.path), [])
  } finally {
    for (const [name, value] of Object.entries({ TMPDIR, TEMP })) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
})

test('a file that is none of these is refused by name', async () => {
  using folder = temporaryFolder()
  writeFileSync(folder.file('a.parquet'), 'PAR1 and no more')
  writeFileSync(folder.file('a.json'), '[{"price": 1}, {')
  for (const name of ['a.parquet', 'a.json', 'none.csv']) {
    await assert.rejects(
      read(folder.file(name), 'from input'),
      (error: Error) => hasCode(error, name === 'none.csv' ? 'file_missing' : 'file_invalid') && error.message.includes(name),
      name,
    )
  }
})
