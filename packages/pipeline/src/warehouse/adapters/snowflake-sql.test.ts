import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from '../../kernel/errors.ts'
import { bound, needsReading } from './snowflake-sql.ts'

test('parameters are numbered, wherever they stand, but in what is quoted or a comment', () => {
  const sql = `select $2, '$1 ?', "a?" /* ? */ -- $1
    , $$ ? $$ from t where a = $1::date and b = $1`
  assert.equal(
    bound(sql, ['a', 'b']).sqlText,
    `select :2, '$1 ?', "a?" /* ? */ -- $1
    , $$ ? $$ from t where a = :1::date and b = :1`,
  )
  assert.deepEqual(bound('values (?, ?, ?)', ['x', ['y', 'z'], null]), { sqlText: 'values (:1, :2, :3)', binds: ['x', '["y","z"]', null] })
  assert.equal(bound('select $1 from @stage', []).sqlText, 'select $1 from @stage')
})

test('what hides behind quotes and comments is found, and what only looks like more is none', () => {
  for (const sql of [
    "select 1 // '\n; drop table t",
    "select '\\'' || $$ ' $$; call p()",
    'select 1 /* */ ->> call p()',
    'select "a""b"; begin',
    `select "SYSTEM$ABORT_TRANSACTION"('1')`,
    `select identifier /* */ ('system$abort_transaction')('1')`,
  ])
    assert.throws(
      () => needsReading(sql),
      (error) => hasCode(error, 'query_refused'),
      sql,
    )
  for (const sql of [
    "select 'into; call p()' as a",
    'select 1 as "call" -- ; call',
    'select "the system", identifier from t where identifier in (1)',
    '( select 1 ) ;',
    'with a as (select 1) select * from a',
    'desc table t',
  ])
    needsReading(sql)
})
