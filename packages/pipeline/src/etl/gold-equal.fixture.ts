import assert from 'node:assert/strict'
import type { Value } from '../warehouse/warehouse.ts'
import type { Stretch } from './model.ts'

/** Asks a warehouse: a session's rows, or what `query` answers, by name. */
export type Ask = (sql: string) => Promise<readonly Readonly<Record<string, Value>>[]>

/** A floating number that two engines come to in another order of adding. */
const SHARE = 1e-9

/**
 * Every table, row by row: the same columns, the same rows, days of the stretch alone. The order is every column's, as text, by this process: engines sort
 * texts each in their own way. Resolves to the rows of each table.
 */
export async function assertSameTables(
  one: Ask,
  other: Ask,
  tables: readonly string[],
  { from, to }: Stretch,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of tables) {
    const sql = `select * from ${table} where date between date '${from}' and date '${to}'`
    const [rows, others] = (await Promise.all([one(sql), other(sql)])).map(ordered) as [Plain[], Plain[]]
    assert.equal(others.length, rows.length, `${table}: rows`)
    for (const [at, row] of rows.entries()) assertSameRow(table, row, others[at] as Plain)
    counts[table] = rows.length
  }
  return counts
}

type Plain = readonly (readonly [name: string, value: Value])[]

function ordered(rows: Awaited<ReturnType<Ask>>): Plain[] {
  const plain = rows.map((row) => Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  // By what is no share: two engines may round its last digit otherwise.
  const keyOf = (row: Plain) => JSON.stringify(row.filter(([, value]) => typeof value !== 'number' || Number.isInteger(value)))
  const keyed = plain.map((row) => [keyOf(row), row] as const)
  return keyed.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

function assertSameRow(table: string, row: Plain, other: Plain): void {
  assert.deepEqual(
    other.map(([name]) => name),
    row.map(([name]) => name),
    `${table}: columns`,
  )
  for (const [at, [name, value]] of row.entries()) {
    const [, found] = other[at] as [string, Value]
    const isSame =
      typeof value === 'number' && typeof found === 'number'
        ? value === found || (!Number.isInteger(value) && Math.abs(value - found) <= SHARE * Math.abs(value))
        : JSON.stringify(value) === JSON.stringify(found)
    if (!isSame)
      assert.fail(
        `${table}.${name}: ${JSON.stringify(value)}, and there ${JSON.stringify(found)}, of ${JSON.stringify(Object.fromEntries(row))}`,
      )
  }
}
