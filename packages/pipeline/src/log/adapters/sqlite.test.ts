import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { openStore, transaction } from '../../kernel/sqlite.ts'
import { eventLogConformance } from '../event-log.conformance.ts'
import { ALERTS, readAll, record, start, TEST_TOPICS, values } from '../testing/records.ts'
import { openSqliteLog, openSqliteLogReader, sqliteLogOn } from './sqlite.ts'
import { rewriteRecords } from './sqlite-rewrite.ts'

const options = (path: string) => ({ path, topics: TEST_TOPICS, clock: () => 1_000 })

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-log-'))
  return { path, file: join(path, 'raw-log.db'), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

eventLogConformance('sqlite', async () => {
  const { file, [Symbol.dispose]: remove } = folder()
  return {
    open: async (clock) => openSqliteLog({ ...options(file), clock }),
    openReader: async () => openSqliteLogReader(options(file)),
    async [Symbol.asyncDispose]() {
      remove()
    },
  }
})

const ROWS = 40
/** What `writeLog` leaves in partitions 0 and 1. */
const WRITTEN = [0, 1].map((partition) =>
  Array.from({ length: ROWS * 5 }, (_, offset) => `${Math.floor(offset / 5)}/${(offset % 5) * 2 + partition} ${'x'.repeat(200)}`),
)

/** Two partitions of 40 rows of 5 records, in a file that is closed and whole. */
async function writeLog(file: string): Promise<void> {
  await using log = openSqliteLog(options(file))
  for (let row = 0; row < ROWS; row += 1) {
    const records = Array.from({ length: 10 }, (_, at) => record('u', `${row}/${at} ${'x'.repeat(200)}`, { partition: at % 2 }))
    await log.append(CLICKS, records)
  }
}

test('sqlite: every commit is flushed', async () => {
  using at = folder()
  const db = openStore(at.file)
  await using _log = sqliteLogOn(db, options(at.file), () => db.close())
  assert.equal((db.prepare('pragma journal_mode').get() as { journal_mode: string }).journal_mode, 'wal')
  assert.equal((db.prepare('pragma synchronous').get() as { synchronous: number }).synchronous, 2)
})

test('sqlite: what is appended inside a transaction is there with it, or not at all', async () => {
  using at = folder()
  const db = openStore(at.file)
  await using log = sqliteLogOn(db, options(at.file), () => db.close())
  db.exec('create table effect (n integer)')
  const work = (fails: boolean) =>
    transaction(db, () => {
      db.exec('insert into effect values (1)')
      log.appendNow(ALERTS, [record('u', 'a'), record('u', 'b')])
      assert.deepEqual(log.appendNow(ALERTS, [record('u', 'c')]), [{ topic: ALERTS, partition: 0, offset: 2 }])
      if (fails) throw new Error('undone')
    })
  assert.throws(() => work(true), /undone/)
  assert.deepEqual(await log.ends(ALERTS), [{ partition: 0, start: 0, end: 0 }])
  work(false)
  assert.deepEqual(values(await readAll(log, ALERTS)), ['a', 'b', 'c'])
})

test('sqlite: a log that nobody has made is missing, and one that is being made too', async () => {
  using at = folder()
  const isMissing = (error: unknown) => hasCode(error, 'store_missing')
  assert.throws(() => openSqliteLogReader(options(at.file)), isMissing)
  const db = openStore(at.file)
  assert.throws(() => openSqliteLogReader(options(at.file)), isMissing)
  db.close()
})

test('sqlite: a reader may not append', async () => {
  using at = folder()
  await writeLog(at.file)
  await using reader = openSqliteLogReader(options(at.file))
  await assert.rejects(reader.append(ALERTS, [record('u', 'x')]), (error) => hasCode(error, 'store_unwritable'))
})

test('sqlite: readers that share a connection read the same, each from its own place and as much as it asks for', async () => {
  using at = folder()
  await writeLog(at.file)
  await using log = openSqliteLogReader({ ...options(at.file), readersCount: () => 3 })
  const readers = [1, 3, 7, 1_000].map((countMax) => ({ countMax, next: 0, found: [] as string[] }))
  let moved = true
  for (let turn = 0; moved; turn += 1) {
    moved = false
    for (const reader of readers) {
      // One falls far behind, and one begins again in the middle, as after a failure.
      if (reader.countMax === 3 && turn < 100) continue
      if (reader.countMax === 7 && turn === 20) reader.found.length = reader.next = 50
      const records = await log.read([{ topic: CLICKS, partition: 0, next: reader.next }], { countMax: reader.countMax, waitMs: 0 })
      for (const each of records) reader.found.push(each.value)
      assert.ok(records.length <= reader.countMax && records.every(({ offset }, index) => offset === reader.next + index))
      reader.next += records.length
      moved ||= records.length > 0 || turn < 100
    }
  }
  for (const { found, countMax } of readers) assert.deepEqual(found, WRITTEN[0], `by ${countMax}`)
})

test('sqlite: what one of two readers has decoded is what the other is given, and no longer kept behind both', async () => {
  using at = folder()
  await writeLog(at.file)
  await using log = openSqliteLogReader({ ...options(at.file), readersCount: () => 2 })
  const [first, second, third] = [await readAll(log, CLICKS), await readAll(log, CLICKS), await readAll(log, CLICKS)]
  assert.ok(first.every((record, offset) => record === second[offset]))
  assert.ok(first.every((record, offset) => record !== third[offset]))
})

test('sqlite: a full disk rejects every append that waits, and the next succeed when there is room', async () => {
  using at = folder()
  const db = openStore(at.file)
  await using log = sqliteLogOn(db, options(at.file), () => db.close())
  await log.append(ALERTS, [record('u', 'before')])
  db.exec(`pragma max_page_count = ${(db.prepare('pragma page_count').get() as { page_count: number }).page_count + 2}`)
  const large = 'x'.repeat(10_000)
  const append = () =>
    Promise.allSettled(Array.from({ length: 5 }, (_, call) => log.append(call === 2 ? CLICKS : ALERTS, [record('u', large)])))
  for (const result of await append()) assert.ok(result.status === 'rejected' && hasCode(result.reason, 'disk_full'))
  assert.deepEqual(values(await readAll(log, ALERTS)), ['before'])
  await log.append(ALERTS, [record('u', 'small')])
  db.exec('pragma max_page_count = 1000000')
  for (const result of await append()) assert.equal(result.status, 'fulfilled')
  assert.deepEqual(values(await readAll(log, ALERTS)), ['before', 'small', large, large, large, large])
})

/** Damages a copy of a whole log, and says whether what can still be read is the beginning of what was there. */
async function damaged(whole: string, damage: (file: string) => void): Promise<FlowGuardError | 'whole'> {
  const file = `${whole}.damaged`
  for (const tail of ['-wal', '-shm']) rmSync(file + tail, { force: true })
  copyFileSync(whole, file)
  damage(file)
  let errors = 0
  let failure: FlowGuardError | undefined
  for (const partition of [0, 1]) {
    const read: string[] = []
    try {
      await using log = openSqliteLogReader(options(file))
      for (let next = 0; ; next = read.length) {
        const records = await log.read([{ topic: CLICKS, partition, next }], { countMax: 7, waitMs: 0 })
        if (records.length === 0) break
        read.push(...values(records))
      }
    } catch (error) {
      assert.ok(error instanceof FlowGuardError, String(error))
      failure ??= error
      errors += 1
    }
    assert.deepEqual(read, WRITTEN[partition]?.slice(0, read.length))
    if (errors === 0) assert.equal(read.length, WRITTEN[partition]?.length, 'records are missing and nothing was said')
  }
  return failure ?? 'whole'
}

test('sqlite: a file cut off anywhere is refused, and nothing is read past the cut', async () => {
  using at = folder()
  await writeLog(at.file)
  const { length } = readFileSync(at.file)
  for (const part of [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]) {
    for (const bytes of [Math.floor((length * part) / 4096) * 4096, Math.floor(length * part)]) {
      const failure = await damaged(at.file, (file) => truncateSync(file, bytes))
      // Cut to nothing, it is no log any more.
      assert.ok(hasCode(failure, 'store_corrupt') || (bytes === 0 && hasCode(failure, 'store_missing')), `${bytes}: ${String(failure)}`)
    }
  }
})

test('sqlite: a page of zeros, of noise or of other content anywhere is refused, or was not needed', async () => {
  using at = folder()
  await writeLog(at.file)
  const bytes = readFileSync(at.file)
  const noise = Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 197 + 31) & 0xff))
  let refused = 0
  for (let page = 0; page * 4096 < bytes.length; page += 1) {
    for (const content of [Buffer.alloc(4096), noise, bytes.subarray(4096 * 3, 4096 * 4)]) {
      const failure = await damaged(at.file, (file) => {
        const copy = Buffer.from(bytes)
        content.copy(copy, page * 4096)
        writeFileSync(file, copy)
      })
      if (failure === 'whole') continue
      refused += 1
      assert.ok(hasCode(failure, 'store_corrupt'), `page ${page}: ${failure.code} ${failure.message}`)
      assert.ok(failure.message.includes('raw-log.db'), failure.message)
    }
  }
  assert.ok(refused > (bytes.length / 4096) * 2, `${refused} of ${(bytes.length / 4096) * 3} were noticed`)
})

test('sqlite: one altered byte of a record is refused, wherever it lies', async () => {
  using at = folder()
  await writeLog(at.file)
  const bytes = readFileSync(at.file)
  for (const text of ['20/4 xx', '39/9 xx', '"k":["u"']) {
    const found: string[] = []
    for (let offset = bytes.indexOf(text); offset !== -1 && found.length < 10; offset = bytes.indexOf(text, offset + 1)) {
      const failure = await damaged(at.file, (file) => {
        const copy = Buffer.from(bytes)
        copy[offset] = (copy[offset] as number) ^ 1
        writeFileSync(file, copy)
      })
      found.push(failure === 'whole' ? 'whole' : failure.code)
    }
    // A page that was split keeps an old copy of what it gave away, which nobody reads.
    assert.ok(
      found.includes('store_corrupt') && found.every((code) => code === 'store_corrupt' || code === 'whole'),
      `${text}: ${found.join()}`,
    )
  }
})

test('sqlite: a row that is gone, altered or moved is refused, with the topic, the partition and the offset', async () => {
  using at = folder()
  await writeLog(at.file)
  const DAMAGES: [string, string, number][] = [
    ['a row gone', 'delete from log_batches where partition = 1 and base_offset = 50', 55],
    ['the first row gone', 'delete from log_batches where partition = 1 and base_offset = 0', 5],
    [
      'a body altered',
      'update log_batches set body = cast(replace(cast(body as text), ?, ?) as blob) where partition = 1 and base_offset = 50',
      50,
    ],
    ['a body cut', 'update log_batches set body = substr(body, 1, length(body) - 1) where partition = 1 and base_offset = 50', 50],
    ['a record said to be gone', 'update log_batches set count = 4 where partition = 1 and base_offset = 50', 50],
    ['a time altered', 'update log_batches set appended_at = 999 where partition = 1 and base_offset = 50', 50],
    ['a row moved on', 'update log_batches set base_offset = 51 where partition = 1 and base_offset = 50', 51],
    [
      'a row of the other partition',
      `update log_batches set (count, crc, body) = (select count, crc, body from log_batches where partition = 0 and base_offset = 50) where partition = 1 and base_offset = 50`,
      50,
    ],
    [
      'a neighbour twice',
      'update log_batches set (count, crc, body) = (select count, crc, body from log_batches where partition = 1 and base_offset = 45) where partition = 1 and base_offset = 50',
      50,
    ],
  ]
  for (const [what, statement, offset] of DAMAGES) {
    const failure = await damaged(at.file, (file) => {
      const db = new DatabaseSync(file)
      const { changes } = db.prepare(statement).run(...(statement.includes('?') ? ['10/1', '10/2'] : []))
      assert.equal(changes, 1)
      db.close()
    })
    assert.ok(failure !== 'whole' && failure.code === 'store_corrupt', what)
    assert.match(failure.message, new RegExp(`raw-log\\.db.*: ${CLICKS}-1 is damaged at offset ${offset}:`), what)
  }
})

test('sqlite: damage in one partition leaves the others readable', async () => {
  using at = folder()
  await writeLog(at.file)
  const db = new DatabaseSync(at.file)
  db.exec('delete from log_batches where partition = 1 and base_offset = 50')
  db.close()
  await using log = openSqliteLog(options(at.file))
  assert.equal((await readAll(log, CLICKS, 0)).length, 200)
  assert.equal((await log.read([{ topic: CLICKS, partition: 1, next: 0 }], { countMax: 50, waitMs: 0 })).length, 50)
  for (let tries = 0; tries < 2; tries += 1) {
    await assert.rejects(log.read([{ topic: CLICKS, partition: 1, next: 50 }], { countMax: 50, waitMs: 0 }), (error) =>
      hasCode(error, 'store_corrupt'),
    )
  }
})

test('sqlite: a file whose newest part is gone is noticed by the reader that had been there', async () => {
  using at = folder()
  await writeLog(at.file)
  await using log = openSqliteLog(options(at.file))
  await log.append(CLICKS, [record('u', 'newest', { partition: 0 })])
  const [{ end } = { end: 0 }] = await log.ends(CLICKS)
  assert.equal(end, 201)
  const older = join(at.path, 'older.db')
  copyFileSync(at.file, older) // without its -wal
  await using reader = openSqliteLogReader(options(older))
  assert.equal(reader.id, log.id)
  await assert.rejects(reader.read([{ topic: CLICKS, partition: 0, next: end }], { countMax: 10, waitMs: 0 }), (error) =>
    hasCode(error, 'log_truncated'),
  )
})

test('sqlite: a file emptied is another log', async () => {
  using at = folder()
  await writeLog(at.file)
  await using before = openSqliteLogReader(options(at.file))
  const { id } = before
  await before[Symbol.asyncDispose]()
  truncateSync(at.file, 0)
  await using after = openSqliteLog(options(at.file))
  assert.notEqual(after.id, id)
})

function child(file: string, args: string[], env: Record<string, string> = {}) {
  const script = join(import.meta.dirname, 'sqlite.child.ts')
  const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, file, JSON.stringify(TEST_TOPICS), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const closed = new Promise<void>((resolve) => started.once('close', () => resolve()))
  return { process: started, lines: createInterface({ input: started.stdout }), closed }
}

test('sqlite: a read waits for what another process appends', async () => {
  using at = folder()
  await writeLog(at.file)
  await using reader = openSqliteLogReader(options(at.file))
  const found = reader.read(start(ALERTS), { countMax: 10, waitMs: 20_000 })
  const { closed } = child(at.file, ['once', 'from afar'])
  assert.deepEqual(values(await found), ['from afar'])
  await closed
})

test('sqlite: nothing is acknowledged before another process can see it', async () => {
  using at = folder()
  await writeLog(at.file)
  await using reader = openSqliteLogReader(options(at.file))
  const { lines, closed } = child(at.file, ['once', 'slow'], { FLOWGUARD_HOLD: 'log.before-commit:200' })
  const seen: string[][] = []
  lines.on('line', (line) => {
    void reader.read(start(ALERTS), { countMax: 10, waitMs: 0 }).then((records) => seen.push([line, ...values(records)]))
  })
  await closed
  await reader.ends(ALERTS)
  assert.deepEqual(seen, [['slow', 'slow']])
})

test('sqlite: killed at any moment, everything acknowledged is there exactly once', async () => {
  using at = folder()
  const acknowledged: string[] = []
  for (let run = 0; run < 5; run += 1) {
    const { process: writer, lines, closed } = child(at.file, ['flood', String(run)])
    let isFirst = true
    lines.on('line', (line) => {
      acknowledged.push(line)
      if (isFirst) setTimeout(() => writer.kill('SIGKILL'), 5 + Math.random() * 150)
      isFirst = false
    })
    await closed
  }
  await using log = openSqliteLog(options(at.file))
  const there = values(await readAll(log, ALERTS))
  const once = new Set(there)
  assert.equal(once.size, there.length)
  assert.ok(acknowledged.length > 500, `only ${acknowledged.length} were acknowledged`)
  assert.deepEqual(
    acknowledged.filter((value) => !once.has(value)),
    [],
  )
})

test('sqlite: a topic with fewer partitions than it has records in is refused', async () => {
  using at = folder()
  await writeLog(at.file)
  const topics = { ...TEST_TOPICS, [CLICKS]: { ...TEST_TOPICS[CLICKS], partitions: 1 } }
  assert.throws(
    () => openSqliteLog({ ...options(at.file), topics }),
    (error) => hasCode(error, 'file_invalid') && /partition 1, and is declared with 1/.test((error as Error).message),
  )
})

test('sqlite: a record that is rewritten lies where it lay, and its neighbours stay to the byte', async () => {
  using at = folder()
  const bytes = Uint8Array.of(0xff, 0x0a)
  {
    await using log = openSqliteLog(options(at.file))
    await log.append(CLICKS, [
      record('u', 'a', { partition: 0 }),
      { ...record('u', 'b', { partition: 0 }), value: bytes },
      record('u', 'c', { partition: 0 }),
    ])
  }
  using db = openStore(at.file)
  const change = (only: string) => () =>
    rewriteRecords(db, at.file, (each) => (each.value === only ? { ...each, key: 'nobody', value: `new\n${only}` } : each))
  assert.deepEqual([transaction(db, change('c')), transaction(db, change('none'))], [1, 0])
  await using log = openSqliteLogReader(options(at.file))
  const records = await log.read([{ topic: CLICKS, partition: 0, next: 0 }], { countMax: 9, waitMs: 0 })
  assert.deepEqual(
    records.map(({ offset, key, value, bytes: raw }) => [offset, key, raw ?? value]),
    [
      [0, 'u', 'a'],
      [1, 'u', Buffer.from(bytes)],
      [2, 'nobody', 'new\nc'],
    ],
  )
  db.exec('update log_batches set crc = crc + 1')
  assert.throws(change('a'), (error) => hasCode(error, 'store_corrupt'))
})
