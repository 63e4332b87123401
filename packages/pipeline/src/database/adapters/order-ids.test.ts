import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openStore, transaction } from '../../kernel/sqlite.ts'
import { orderIdsIn } from './order-ids.ts'
import { DATABASE_MIGRATIONS } from './sqlite-schema.ts'
import { openSqliteDatabase } from './sqlite.ts'

const GROUP_COUNT = 700
const GROUPS_COUNT = 60
/** Of seven groups this one is undone: so one that would have been laid down is among them. */
const UNDONE = 5

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-order-ids-'))
  return { file: join(path, 'edge.db'), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const runsIn = (db: DatabaseSync) => (db.prepare('select count(*) as runs from order_id_slots').get() as { runs: number }).runs

async function made(file: string): Promise<DatabaseSync> {
  await openSqliteDatabase({ path: file, clock: () => 0 })[Symbol.asyncDispose]()
  return openStore(file)
}

test('every id that was committed is found with what is known of it, and no other, over runs, rollbacks and starts', async () => {
  using at = folder()
  const db = await made(at.file)
  let ids = orderIdsIn(db, at.file)
  const known = new Map<string, string>()
  let runsUndone = 0
  for (let group = 0; group < GROUPS_COUNT; group += 1) {
    const isCommitted = group % 7 !== UNDONE
    const added = Array.from({ length: GROUP_COUNT }, (_, each) => `${(group * GROUP_COUNT + each) * 7_919}-é🍛`)
    if (isCommitted) db.exec('begin')
    for (const id of added) {
      assert.equal(ids.find(id), undefined)
      ids.add([id, `order-${id}`, `hash-${id}`])
      assert.equal(ids.find(id)?.[1], `order-${id}`)
    }
    if (isCommitted) {
      ids.write()
      db.exec('commit')
    } else {
      assert.throws(() =>
        transaction(db, () => {
          ids.write()
          runsUndone += runsIn(db)
          throw new Error('undone')
        }),
      )
      runsUndone -= runsIn(db)
    }
    ids.settle(isCommitted)
    if (isCommitted) for (const id of added) known.set(id, `hash-${id}`)
    else for (const id of added) assert.equal(ids.find(id), undefined)
    if (group % 25 === 24) ids = orderIdsIn(db, at.file)
  }
  for (const [id, content] of known) assert.deepEqual(ids.find(id), [id, `order-${id}`, content])
  const rows = db.prepare('select event_id, content_hash from order_events').all() as { event_id: string; content_hash: string }[]
  assert.deepEqual(new Map(rows.map(({ event_id: id, content_hash: content }) => [id, content])), known)
  assert.equal(rows.length, known.size)
  assert.ok(runsUndone > 0, 'one that was laid down was undone')
  assert.equal(runsIn(db), Math.floor(known.size / 16_384), 'a run is whole: each takes a bit of the filter, however few ids it has')
  db.close()
})

/** In one transaction, and none of them known before. */
function fill(db: DatabaseSync, ids: ReturnType<typeof orderIdsIn>, { from, to }: { from: number; to: number }) {
  transaction(db, () => {
    for (let n = from; n < to; n += 1) {
      if (n % 64 === 0) assert.equal(ids.find(`id-${n}-é🍛`), undefined)
      ids.add([`id-${n}-é🍛`, `order-${n}`, `hash-${n}`])
    }
    ids.write()
  })
  ids.settle(true)
}

const RUN = 16_384

test('what lies on the disk is found by the hash that it was written with', async () => {
  using at = folder()
  const db = await made(at.file)
  fill(db, orderIdsIn(db, at.file), { from: 0, to: RUN })
  const { slots } = db.prepare('select slots from order_id_slots where run = 0').get() as { slots: Uint8Array<ArrayBuffer> }
  assert.deepEqual([...new Uint32Array(slots.slice(0, 32).buffer)], [299_954, 410_548, 521_142, 107_448, 247_162, 516_483, 261_517, 6_551])
  assert.equal(createHash('sha256').update(slots).digest('hex'), '0e975905baeb09e813b8a77ee4ce0574b5038d5255cad23c7c319b877a50719b')
  const bucketOf = db.prepare("select id from order_id_buckets where entries like '%\"' || ? || '\"%'")
  assert.deepEqual([bucketOf.get('id-0-é🍛')?.['id'], bucketOf.get('id-1-é🍛')?.['id']], [193, 148])
  db.close()
})

test('32 runs leave one filter, written with the last of them or not at all, and a start knows every id by it', async () => {
  using at = folder()
  const db = await made(at.file)
  let ids = orderIdsIn(db, at.file)
  const filtersIn = () => (db.prepare('select count(*) as count from order_id_filters').get() as { count: number }).count
  for (let run = 0; run < 31; run += 1) fill(db, ids, { from: run * RUN, to: (run + 1) * RUN })
  assert.deepEqual([filtersIn(), runsIn(db)], [0, 31])
  assert.throws(() =>
    transaction(db, () => {
      for (let n = 31 * RUN; n < 32 * RUN; n += 1) ids.add([`undone-${n}`, '', ''])
      ids.write()
      assert.deepEqual([filtersIn(), runsIn(db)], [1, 0])
      throw new Error('undone')
    }),
  )
  ids.settle(false)
  assert.deepEqual([filtersIn(), runsIn(db), ids.find(`undone-${31 * RUN}`)], [0, 31, undefined])
  fill(db, ids, { from: 31 * RUN, to: 33 * RUN + 5 })
  assert.deepEqual([filtersIn(), runsIn(db)], [1, 1])
  ids = orderIdsIn(db, at.file)
  for (let n = 0; n < 33 * RUN + 5; n += 997) assert.deepEqual(ids.find(`id-${n}-é🍛`), [`id-${n}-é🍛`, `order-${n}`, `hash-${n}`])
  fill(db, ids, { from: 33 * RUN + 5, to: 34 * RUN })
  assert.deepEqual([filtersIn(), runsIn(db)], [1, 2], 'runs go on being counted from where they were')
  db.close()
})

test('ids and outbox of the first schema are taken over', async () => {
  using at = folder()
  const count = 20_000
  const old = new DatabaseSync(at.file)
  old.exec(`pragma journal_mode = wal; ${DATABASE_MIGRATIONS[0]}; pragma user_version = 1; begin`)
  const add = old.prepare('insert into order_events values (?, ?, ?)')
  for (let each = 0; each < count; each += 1) add.run(`event-${each}`, `order-${each}`, `hash-${each}`)
  const queue = old.prepare('insert into outbox (key, value, headers, partition) values (?, ?, ?, ?)')
  queue.run('u1', '{"event_id":"a"}', '{"content_hash":"x"}', null)
  queue.run('', '{"event_type":"heartbeat","ts":1}', '{}', 2)
  old.exec('delete from outbox where id = 2; commit')
  queue.run('u"2', '{"event_id":"b"}', '{}', null)
  old.close()

  await using database = openSqliteDatabase({ path: at.file, clock: () => 0 })
  assert.deepEqual(await database.outbox(10), [
    { id: 1, record: { key: 'u1', value: '{"event_id":"a"}', headers: { content_hash: 'x' } } },
    { id: 3, record: { key: 'u"2', value: '{"event_id":"b"}', headers: {} } },
  ])
  await database.shipped(3)
  await database.queueHeartbeats([{ key: '', value: '{}', headers: {}, partition: 1 }])
  assert.deepEqual(await database.outbox(10), [{ id: 4, record: { key: '', value: '{}', headers: {}, partition: 1 } }])
  const draft = { orderId: 'new', clientOrderId: null, orderType: 'placed' as const, userId: 'u', headers: {} }
  const event = { item_id: 1, price: 1, quantity: 1 }
  const again = async (eventId: string, contentHash: string) => (await database.take([{ ...draft, eventId, contentHash, event }]))[0]
  assert.deepEqual(await again('event-7', 'hash-7'), { kind: 'duplicate', orderId: 'order-7' })
  assert.deepEqual(await again('event-19999', 'other'), { kind: 'conflict' })
  assert.deepEqual(await again('event-new', 'hash'), { kind: 'accepted', orderId: 'new' })
  assert.deepEqual(await again('event-0', 'hash-0'), { kind: 'duplicate', orderId: 'order-0' })
  assert.deepEqual(await again('event-new', 'hash'), { kind: 'duplicate', orderId: 'new' })
})
