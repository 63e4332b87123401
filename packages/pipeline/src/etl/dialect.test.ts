import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FUNCTIONS_ROW, FUNCTIONS_SQL, ITEMS_ROWS, ITEMS_SQL } from './dialect.fixture.ts'
import { columnsOf, literal, rendered, valuesOf, type Dialect } from './dialect.ts'
import { MODELS, openWarehouse } from './fixture.ts'
import type { Session } from '../warehouse/warehouse.ts'
import { ANY_STRETCH, selectOf } from './model.ts'

const DIALECTS = ['duckdb', 'snowflake', 'spark'] as const satisfies readonly Dialect[]

test('every function of the vocabulary gives what it must', async () => {
  await using w = await openWarehouse()
  assert.deepEqual(await w.rows(rendered(FUNCTIONS_SQL, 'duckdb')), [FUNCTIONS_ROW])
  assert.deepEqual(await w.rows(rendered(ITEMS_SQL, 'duckdb')), ITEMS_ROWS)
})

test('functions are found in functions, and brackets and commas in texts and lists are none', () => {
  assert.equal(
    rendered(`ratio(days_between(a, b), max((c)))`, 'spark'),
    `case when max((c)) = 0 then 0 else cast(datediff(b, a) as double) / cast(max((c)) as double) end`,
  )
  assert.equal(rendered(`texts('a, (b', "c")`, 'snowflake'), `cast(array_construct_compact('a, (b', "c") as array)`)
  assert.equal(rendered('select my_ratio(a)', 'spark'), 'select my_ratio(a)')
})

test('a function that has not the arguments that it takes is refused, and so is a bracket that is not closed', () => {
  assert.throws(() => rendered('ratio(a)', 'duckdb'), /ratio takes 2 arguments, not 1/)
  assert.throws(() => rendered('id_hash(a', 'duckdb'), /a bracket is not closed: id_hash\(a/)
})

test('no model keeps words that one database alone knows', () => {
  for (const model of MODELS) {
    for (const dialect of DIALECTS) {
      const sql = selectOf(model, ANY_STRETCH, dialect)
      if (dialect !== 'duckdb') assert.doesNotMatch(sql, /::|\[\]|list_|not materialized|\bwindow \w+ as/, `${model.name} on ${dialect}`)
      if (dialect === 'snowflake') assert.doesNotMatch(sql, /interval \d/, model.name)
    }
  }
})

test('a text stands in a statement as it is', async () => {
  const odd = `it's \\ "so"\n`
  await using w = await openWarehouse()
  assert.deepEqual(
    await w.rows(
      `select text, n from ${valuesOf(
        'given',
        ['text', 'n'],
        [
          [odd, 1],
          [null, 2],
        ],
        'duckdb',
      )} order by n`,
    ),
    [
      { text: odd, n: 1 },
      { text: null, n: 2 },
    ],
  )
  assert.equal(literal(`a\\'b`, 'snowflake'), `'a\\\\''b'`)
})

test('what is made on Snowflake to see columns has a name that nobody else has, and goes again, also where it cannot be looked at', async () => {
  const said: string[] = []
  const session = {
    dialect: 'snowflake',
    run: async (sql: string) => said.push(sql),
    rows: async () => (said.length > 2 ? Promise.reject(new Error('planted')) : []),
  } as unknown as Session
  await columnsOf(session, 'select 1 as a')
  await assert.rejects(columnsOf(session, 'select 1 as a'), /planted/)
  const names = said.map((sql) => /etl\.\w+/.exec(sql)?.[0])
  assert.deepEqual(
    said.map((sql) => sql.split(' ', 1)[0]),
    ['create', 'drop', 'create', 'drop'],
  )
  assert.equal(new Set(names).size, 2)
  assert.deepEqual([names[0], names[2]], [names[1], names[3]])
})
