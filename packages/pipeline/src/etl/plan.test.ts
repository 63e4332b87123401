import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODELS, openWarehouse } from './fixture.ts'
import { keyOf } from './checks.ts'
import { planOf } from './plan.ts'

type Warehouse = Awaited<ReturnType<typeof openWarehouse>>

/** Every row of every table, by the key that tells the rows of a table apart. */
async function rowsOf(w: Warehouse) {
  const found = new Map<string, Map<string, string>>()
  for (const { name, checks } of MODELS) {
    const keys = keyOf(checks).map((column) => `coalesce(${column}::varchar, '')`)
    const rows = await w.rows<{ key: string; row: string }>(
      `select concat_ws('|', ${keys.join(', ')}) as key, t::varchar as row from ${name} t`,
    )
    found.set(name, new Map(rows.map(({ key, row }) => [key, row])))
  }
  return found
}

test('a plan says of each table how many rows a run then adds, changes and removes, and writes nothing', async () => {
  await using w = await openWarehouse()
  for (const day of ['01', '02', '03', '04'])
    await w.orders({ user_id: 'u', at: `2026-03-${day} 10:00:00` }, { user_id: `v${day}`, item_id: 2, at: `2026-03-${day} 11:00:00` })
  await w.clicks({ user_id: 'u', at: '2026-03-02 09:00:00' })
  await w.run('2026-03-01', '2026-03-04')
  // A new first order, a visit that goes on over midnight, and a record that is gone.
  await w.orders({ user_id: 'v03', at: '2026-03-01 12:00:00' })
  await w.clicks({ user_id: 'w', at: '2026-03-01 23:50:00' }, { user_id: 'w', at: '2026-03-02 00:10:00' })
  await w.exec(`delete from bronze.orders_raw where user_id = 'v04'`)
  await w.exec(
    `insert into bronze.orders_raw by name select * replace (2 as item_id, 'u9' as user_id) from bronze.orders_raw where user_id = 'v02'`,
  )
  const [before, hashes] = [await rowsOf(w), await w.hashes()]
  const plan = await w.etl().plan({ from: '2026-03-01', to: '2026-03-04' })
  assert.equal(plan.is_counted, true)
  assert.deepEqual(
    plan.days.map(({ date, because }) => [date, because]),
    [
      ['2026-03-04', '1 fewer in bronze.orders_raw since it was made'],
      ['2026-03-03', 'nothing has come since it was made'],
      ['2026-03-02', '1 more in bronze.orders_raw, 1 more in bronze.clicks_raw since it was made'],
      ['2026-03-01', '1 more in bronze.orders_raw, 1 more in bronze.clicks_raw since it was made'],
    ],
  )
  assert.deepEqual(
    [
      await w.hashes(),
      await w
        .etl()
        .runs(9)
        .then(({ length }) => length),
    ],
    [hashes, 1],
  )

  // The repeat of an offset stops its day; what a plan says is of what was asked for.
  await w.exec(`update bronze.orders_raw set source_offset = 999 where user_id = 'u9'`)
  const again = await w.etl().plan({ from: '2026-03-01', to: '2026-03-04' })
  assert.equal((await w.run('2026-03-01', '2026-03-04')).state, 'done')
  const after = await rowsOf(w)
  const actual = MODELS.map(({ name }) => {
    const [old, now] = [before.get(name)!, after.get(name)!]
    const added = [...now.keys()].filter((key) => !old.has(key)).length
    const changed = [...now].filter(([key, row]) => old.has(key) && old.get(key) !== row).length
    return [name, old.size, { added, removed: [...old.keys()].filter((key) => !now.has(key)).length, changed }]
  })
  assert.deepEqual(
    again.tables.map(({ table, rows_now: now, rows }) => [table, now, rows]),
    actual,
  )
  const idle = await w.etl().plan({ from: '2026-03-01', to: '2026-03-04' })
  for (const { table, rows } of idle.tables) assert.deepEqual(rows, { added: 0, removed: 0, changed: 0 }, table)
})

test('what takes too long to count is planned without figures', async () => {
  await using w = await openWarehouse()
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  await w.run('2026-03-01')
  const session = w.session()
  const counts = { 'bronze.orders_raw': 1, 'bronze.clicks_raw': 0, 'bronze.attributed_raw': 0 }
  const plan = await planOf({
    session,
    models: MODELS,
    copyReference: () => new Promise((resolve) => setTimeout(resolve, 20)),
    known: [{ date: '2026-03-01', rows: counts, computed: counts }],
    due: [{ date: '2026-03-01', why: 'asked for', changed: ['bronze.orders_raw'], bronzeRows: 1, newRows: 0 }],
    openSince: async () => undefined,
    countMsMax: 1,
  })
  assert.deepEqual([plan.is_counted, plan.tables[0]?.rows_now, plan.tables[0]?.rows], [false, 1, null])
})
