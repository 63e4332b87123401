import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { eraseFromLogs, filesMentioning, searchLogs } from './files.ts'
import { mentions, searchTables } from './search.ts'
import { erasedText } from './person.ts'
import { eraseFromTables } from './tables.ts'
import { eraseFromWarehouse, searchWarehouse } from './warehouse.ts'

/** As JSON has it, only `corp-anna1` stands as it is. `CORP\anna` is looked for where ids of users lie. */
const IDS = ['corp-anna1', String.raw`CORP\anna1`, 'the "anna1"', 'anna\t1@x.co', String.raw`CORP\anna`]
const pseudonym = 'erased-00000000000000000000'

const byUser = (user: string, metadata = {}) => JSON.stringify({ event_type: 'order', user_id: user, metadata })
/** What another sent of the person: as JSON, and as JSON in a text of it. */
const named = (user: string) => byUser('u2', { by: { user_id: user }, sent: JSON.stringify({ user_id: user }) })

function temporary() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-erasure-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const warehouseIn = ({ path }: { path: string }) =>
  openDuckdb({ path: join(path, 'w.duckdb'), tempDir: join(path, 'tmp'), memoryMb: 256, threads: 1 })

test('a number where ids of users lie is the person; any other number stays', async () => {
  using folder = temporary()
  const person = { id: '1042', pseudonym }
  const other = (user: string | number, price = 1042) => {
    const inner = { user_id: user, item_id: 1042, price }
    return JSON.stringify({
      event_type: 'order',
      user_id: 'u2',
      price,
      metadata: { by: { userId: user }, sent: JSON.stringify(inner), inner },
    })
  }
  const longer = [10420, 1042.5, 11042].map((each) => other(each))
  const rows = [other(1042), other('1042'), ...longer, other('u3')]
  const after = [other(pseudonym), other(pseudonym), ...longer, other('u3')]
  assert.deepEqual(
    rows.map((each) => mentions(each, person)),
    [true, true, false, false, false, false],
  )
  assert.deepEqual(
    rows.map((each) => erasedText(each, person)),
    after,
  )
  assert.equal(
    erasedText(JSON.stringify({ event_type: 'order', user_id: 1042, nickname: 'x' }), person),
    `{"event_type":"order","user_id":"${pseudonym}"}`,
  )
  // Such an id is none, and null is nobody's.
  for (const id of ['null', 'true', 'NaN']) assert.equal(mentions('{"user_id":null,"userId":true}', { id, pseudonym }), false)

  await using warehouse = warehouseIn(folder)
  using session = await warehouse.session()
  for (const [at, raw] of rows.entries())
    await session.run(`insert into bronze.orders_raw (event_id, user_id, raw_event) values ($1, 'u2', $2)`, [String(at), raw])
  assert.deepEqual([...(await searchWarehouse(session, person))], [['bronze.orders_raw.raw_event', 2]])
  assert.deepEqual([...(await eraseFromWarehouse(session, person))], [['bronze.orders_raw', 2]])
  assert.deepEqual([...(await searchWarehouse(session, person))], [])
  const kept = await session.rows<{ raw_event: string }>('select raw_event from bronze.orders_raw order by event_id')
  assert.deepEqual(
    kept.map(({ raw_event: raw }) => raw),
    after,
  )
})

for (const id of IDS) {
  test(`whoever is called ${JSON.stringify(id)} is found and taken out, as JSON writes them, too`, async () => {
    using folder = temporary()
    const person = { id, pseudonym }
    const db = new DatabaseSync(':memory:')
    db.exec('create table things (user_id text, said text)')
    db.prepare('insert into things values (?, null), (null, ?)').run(id, named(id))
    assert.deepEqual([...searchTables(db, person).keys()], ['things.user_id', 'things.said'])
    assert.deepEqual([...eraseFromTables(db, person)], [['things', 2]])
    assert.deepEqual([...searchTables(db, person)], [])
    assert.deepEqual(
      db
        .prepare('select said from things where said is not null')
        .all()
        .map(({ said }) => said),
      [named(pseudonym)],
    )

    const logs = join(folder.path, 'logs')
    mkdirSync(logs)
    const lines = (user: string) =>
      `${JSON.stringify({ level: 30, user_id: user })}\n${JSON.stringify({ msg: 'other', event: named(user) })}\n{"msg":"anna"}\n`
    writeFileSync(join(logs, 'a.log'), lines(id))
    assert.deepEqual([...searchLogs(logs, person)], [['a.log', 2]])
    assert.deepEqual(
      filesMentioning(folder.path, person, () => false),
      id.endsWith('anna') ? [] : [join('logs', 'a.log')],
    )
    assert.deepEqual([...eraseFromLogs(logs, person)], [['a.log', 2]])
    assert.deepEqual([readFileSync(join(logs, 'a.log'), 'utf8'), [...searchLogs(logs, person)]], [lines(pseudonym), []])

    await using warehouse = warehouseIn(folder)
    using session = await warehouse.session()
    await session.run("insert into bronze.orders_raw (event_id, user_id, raw_event) values ('a', 'u2', $1), ('b', $2, $3)", [
      named(id),
      id,
      byUser(id),
    ])
    const found = await searchWarehouse(session, person)
    assert.deepEqual(Object.fromEntries(found), { 'bronze.orders_raw.raw_event': 2, 'bronze.orders_raw.user_id': 1 })
    assert.deepEqual([...(await eraseFromWarehouse(session, person))], [['bronze.orders_raw', 2]])
    assert.deepEqual([...(await searchWarehouse(session, person))], [])
    const rows = await session.rows('select user_id, raw_event from bronze.orders_raw order by event_id')
    assert.deepEqual(rows, [
      { user_id: 'u2', raw_event: named(pseudonym) },
      { user_id: pseudonym, raw_event: JSON.stringify({ event_type: 'order', user_id: pseudonym }) },
    ])
  })
}
