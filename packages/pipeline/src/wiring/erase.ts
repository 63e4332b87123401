import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { dayOf, RAW_TOPICS, TOPICS, type Topic } from '@flowguard/contract'
import { addErased, ERASED_FILE, isPseudonym, noteDone, pseudonymIn, readErased } from '../erasure/erased-list.ts'
import { eraseFromLogs, filesMentioning, searchLogs } from '../erasure/files.ts'
import { erasedRaw, erasedText, formsOf, type Person } from '../erasure/person.ts'
import { mentions, recordMentions, searchTables } from '../erasure/search.ts'
import { erasedOwnRecord, eraseFromTables } from '../erasure/tables.ts'
import { eraseFromWarehouse, searchWarehouse } from '../erasure/warehouse.ts'
import type { Settings } from '../kernel/config.ts'
import { step } from '../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import { lockFolder } from '../kernel/lock.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded, openReadOnly, openStore, transaction } from '../kernel/sqlite.ts'
import { forgetExchanged } from '../etl/adapters/spark.ts'
import { countEntries, readEntries } from '../lake/manifest.ts'
import type { OwnedRow } from '../lake/parquet.ts'
import { fetchFile } from '../lake/contents.ts'
import { rewriteLake } from '../lake/rewrite.ts'
import { rewriteRecords } from '../log/adapters/sqlite-rewrite.ts'
import { sqliteLogView } from '../log/adapters/sqlite-view.ts'
import { readTopics, type TopicSpecs } from '../log/topics.ts'
import type { LogRecord } from '../log/event-log.ts'
import { FILES } from '../ops/stores.ts'
import { ROLES } from '../roles.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { compactDuckdb } from '../warehouse/adapters/duckdb-compact.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { LAKE_FOLDER, openLake } from './lake.ts'
import { removeAbandoned } from './recompute.ts'
import { needsFile } from './warehouse.ts'

/** Rows (of a log records, of a file of lines lines) of one place in which the person is, or was. */
export interface FoundIn {
  store: string
  place: string
  rows: number
}

/** What the log still keeps of the person, and until when: nothing is ever changed in it. */
export interface LogCopy {
  topic: Topic
  records: number
  /** The day on which the newest of them is older than the topic keeps. */
  expires_on: string
}

export interface Searched {
  found: FoundIn[]
  log_copies: LogCopy[]
}

export interface Erasing {
  settings: Settings
  clock: Clock
  /** Asked for once there is work: to log makes a file in the data folder. */
  logger: () => Logger
  onStep: (what: string) => void
}

/** Of the stores that hold tables in the data folder, those that are rewritten: the raw log is not. */
const REWRITTEN = ['edge', 'pipeline', 'lane'] as const
const LOGS = 'logs'
/** In the data folder: files of the lake that are being looked at. What a killed call left in it goes with the next. */
const TEMP = 'erase.tmp'

/**
 * Holds the data folder and every role on it while nothing of FlowGuard runs. Throws `not_stopped` where something does, `settings_invalid` where one of the stores lies on an
 * engine that nobody is taken out of, and `store_missing` where nothing is to be searched: before anything is changed, or made.
 */
function stopped(settings: Settings, clock: Clock): Disposable {
  const embedded = {
    LOG_URL: 'sqlite:',
    EVENTS_LOG_URL: 'sqlite:',
    DATABASE_URL: 'sqlite:',
    COUNTERS_URL: 'sqlite:',
    WAREHOUSE_URL: 'duckdb:',
  } as const
  for (const [name, own] of Object.entries(embedded)) {
    const value = settings[name as keyof typeof embedded]
    if (value === own || (name === 'EVENTS_LOG_URL' && value === '')) continue
    throw new FlowGuardError(
      'settings_invalid',
      `people are erased from the stores of a data folder (and from a lake on S3): ${name} names an engine from which this version takes nobody. Nothing was changed`,
    )
  }
  needsStores(settings.DATA_DIR)
  using locks = new DisposableStack()
  try {
    for (const role of [undefined, ...ROLES]) locks.use(lockFolder(settings.DATA_DIR, role))
  } catch (error) {
    // Who is to be erased is in this folder: another one is no way out.
    if (!hasCode(error, 'data_locked')) throw error
    throw new FlowGuardError('not_stopped', (error as Error).message, error)
  }
  refuseWorkers(join(settings.DATA_DIR, FILES.lane), clock())
  return locks.move()
}

/** A folder that was mistyped has nobody in it: that is no proof of an erasure. */
function needsStores(folder: string): void {
  const made = [...Object.values(FILES), WAREHOUSE.file, LAKE_FOLDER]
  if (!made.some((name) => existsSync(join(folder, name))))
    throw new FlowGuardError('store_missing', `there are no stores in ${folder} yet`)
}

/** Several processes of workers may share a folder, so none of them holds a lock; each says until when it is there. */
function refuseWorkers(path: string, now: number): void {
  if (!existsSync(path)) return
  using db = openReadOnly(path)
  if (!db.prepare("select 1 from sqlite_schema where name = 'lane_workers'").get()) return
  const alive = db.prepare('select owner from lane_workers where until_ms > ?').get(now)
  if (alive) throw new FlowGuardError('not_stopped', `${path}: ${String(alive['owner'])} is at work`)
}

/** The person in every store, as they are now. Changes nothing. Throws `person_missing` where nobody by that id is anywhere, nor was erased. */
export async function planErasure(erasing: Erasing, userId: string): Promise<Searched> {
  const { settings, clock, onStep } = erasing
  needsFile(settings, 'erasure')
  const person = personOf(settings, userId)
  using _stopped = stopped(settings, clock)
  using _temp = temporary(settings)
  onStep('the log')
  const { copies } = await searchRaw(settings, userId)
  const found = await search(erasing, person, false)
  if (found.length === 0 && copies.length === 0) needsListed(settings, userId)
  return { found, log_copies: copies }
}

/** A mistyped id is no person to be erased. One on the list was found once: the call that was killed goes on. */
function needsListed({ DATA_DIR }: Settings, userId: string): void {
  if (readErased(join(DATA_DIR, ERASED_FILE))?.pseudonymOf(userId) === undefined)
    throw new FlowGuardError('person_missing', `nobody by the id ${JSON.stringify(userId)} was found in any store, nor in the log`)
}

export interface ErasureDone extends Searched {
  pseudonym: string
  /** What was changed or removed by this call. */
  changed: FoundIn[]
}

/**
 * Takes a person out of every store but the log, puts them on the list that all readers apply, and searches through everything. Whatever it is killed at, the next call
 * does what is left: each store changes in one transaction, or file by file, and finds nobody the second time. Throws `person_missing` as `planErasure` does.
 */
export async function erase(erasing: Erasing, userId: string): Promise<ErasureDone> {
  const { settings, clock, onStep } = erasing
  const folder = settings.DATA_DIR
  // Nothing is to be called erased that one store still has.
  needsFile(settings, 'erasure')
  const asked = personOf(settings, userId)
  using _stopped = stopped(settings, clock)
  using _temp = temporary(settings)
  const list = join(folder, ERASED_FILE)
  onStep('the log')
  const log = await searchRaw(settings, userId)
  // Nothing loads meanwhile, so that whoever is in no store now comes into none before the list is written. Bytes that a store no longer needs are searched, too.
  if (log.copies.length === 0 && (await search(erasing, asked, true)).length === 0) needsListed(settings, userId)
  // First of all: from now on nobody who reads the log brings back what is taken out below.
  const person = { id: userId, pseudonym: addErased(list, userId, log.named, clock()) }
  step('erase.after-list')
  const changed: FoundIn[] = []
  const note = (store: string, found: ReadonlyMap<string, number>) => {
    for (const [place, rows] of found) changed.push({ store, place, rows })
  }
  for (const name of REWRITTEN) {
    onStep(FILES[name])
    note(FILES[name], eraseFromStore(join(folder, FILES[name]), person))
    step('erase.after-tables')
  }
  for (const address of lakesOf(settings)) {
    onStep('the lake')
    const rows = await eraseFromLake(erasing, address, person)
    if (rows > 0) note('lake', new Map([['rows', rows]]))
  }
  onStep(WAREHOUSE.file)
  note(WAREHOUSE.file, await eraseFromFile(settings, person))
  step('erase.after-warehouse')
  note(LOGS, eraseFromLogs(join(folder, LOGS), person))
  // What was on its way when its process ended; nobody looks at it again.
  for (const temp of ['lake.tmp', join(LAKE_FOLDER, '.aside'), WAREHOUSE.temp]) rmSync(join(folder, temp), { recursive: true, force: true })
  removeAbandoned(folder)
  onStep('the search')
  const found = await search(erasing, person, true)
  if (found.length === 0) noteDone(list, userId, clock())
  return { pseudonym: person.pseudonym, changed, found, log_copies: log.copies }
}

function personOf({ DATA_DIR }: Settings, id: string): Person {
  if (id.trim() === '' || isPseudonym(id)) throw new FlowGuardError('settings_invalid', `--user ${JSON.stringify(id)} is nobody's id`)
  return { id, pseudonym: pseudonymIn(join(DATA_DIR, ERASED_FILE), id) ?? '' }
}

function eraseFromStore(path: string, person: Person): Map<string, number> {
  if (!existsSync(path)) return new Map()
  using db = openStore(path)
  return guarded(path, () => {
    const found = transaction(db, () => {
      const changed = new Map(eraseFromTables(db, person))
      const hasLog = db.prepare("select 1 from sqlite_schema where name = 'log_batches'").get() !== undefined
      const records = hasLog ? rewriteRecords(db, path, (record) => erasedOwnRecord(record, person)) : 0
      if (records > 0) changed.set('records', records)
      return changed
    })
    // Rows that are gone lie in free pages, and in the write-ahead log, until these are written anew.
    db.exec('vacuum; pragma wal_checkpoint(truncate)')
    return found
  })
}

function temporary({ DATA_DIR }: Settings): Disposable {
  const path = join(DATA_DIR, TEMP)
  const remove = () => rmSync(path, { recursive: true, force: true })
  remove()
  mkdirSync(path, { recursive: true })
  return { [Symbol.dispose]: remove }
}

/** Also one in the data folder that the settings do not name any more. */
function lakesOf({ LAKE_URL, DATA_DIR }: Settings): string[] {
  const own = join(DATA_DIR, LAKE_FOLDER)
  const before = LAKE_URL !== 'file:' && existsSync(own) ? ['file:'] : []
  return LAKE_URL === 'off' ? before : [LAKE_URL, ...before]
}

async function eraseFromLake({ settings, clock, logger, onStep }: Erasing, address: string, person: Person): Promise<number> {
  await using lake = openLake(settings, address, join(settings.DATA_DIR, TEMP))
  await forgetExchanged(lake.files)
  const change = (row: OwnedRow) => erasedRow(row, person)
  const onEntry = (number: number, of: number) => onStep(`the lake: entry ${number} of ${of}`)
  return await rewriteLake({ ...lake, clock, logger: logger(), texts: formsOf(person.id), change, onEntry })
}

function erasedRow(row: OwnedRow, { id, pseudonym }: Person): OwnedRow {
  const { key, userId, text } = row
  const isOwn = key === id || userId === id
  const erased = text === null ? (isOwn ? '{}' : null) : isOwn ? ownText(text, { id, pseudonym }) : erasedText(text, { id, pseudonym })
  if (!isOwn && erased === text) return row
  return { key: key === id ? pseudonym : key, userId: userId === id ? pseudonym : userId, text: erased }
}

/** What the stream answered has other fields than an event, and no more than it needs. */
function ownText(text: string, person: Person): string {
  const erased = erasedText(text, person)
  return erased === text ? erasedRaw(text, person.pseudonym) : erased
}

async function eraseFromFile(settings: Settings, person: Person): Promise<Map<string, number>> {
  const path = join(settings.DATA_DIR, WAREHOUSE.file)
  if (!existsSync(path)) return new Map()
  const memoryMb = Number(settings.WAREHOUSE_MEMORY_MB)
  const found = await withWarehouse(settings, (session) => eraseFromWarehouse(session, person))
  await compactDuckdb(path, memoryMb)
  return found
}

/** What `warehouse rebuild --force` moved aside: it is searched, and never changed. */
const warehousesAside = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(WAREHOUSE.file) && name !== WAREHOUSE.file)

async function searchAside(settings: Settings, name: string, person: Person): Promise<Map<string, number>> {
  const memoryMb = Number(settings.WAREHOUSE_MEMORY_MB)
  await using aside = openDuckdb({
    path: join(settings.DATA_DIR, name),
    tempDir: join(settings.DATA_DIR, WAREHOUSE.temp),
    memoryMb,
    threads: 1,
    readOnly: true,
  })
  try {
    using session = await aside.session()
    return await searchWarehouse(session, person)
  } catch (error) {
    // It was damaged, perhaps: that is why it lies there.
    if (hasCode(error, 'warehouse_corrupt')) return new Map([['cannot be read, and so not be searched', 1]])
    throw error
  }
}

async function withWarehouse<T>(
  settings: Settings,
  work: (session: Awaited<ReturnType<ReturnType<typeof openDuckdb>['session']>>) => Promise<T>,
): Promise<T> {
  await using warehouse = openDuckdb({
    path: join(settings.DATA_DIR, WAREHOUSE.file),
    tempDir: join(settings.DATA_DIR, WAREHOUSE.temp),
    memoryMb: Number(settings.WAREHOUSE_MEMORY_MB),
    threads: 1,
    mayCreate: () => false,
  })
  using session = await warehouse.session()
  return await work(session)
}

/** Everything is looked through anew: what an erasure says of itself is not asked. `isAfter`: also the bytes of the stores' own files. */
async function search({ settings, onStep }: Erasing, person: Person, isAfter: boolean): Promise<FoundIn[]> {
  const folder = settings.DATA_DIR
  const found: FoundIn[] = []
  const note = (store: string, places: ReadonlyMap<string, number>) => {
    for (const [place, rows] of places) found.push({ store, place, rows })
  }
  const topics = readTopics(settings.TOPICS_FILE, 0)
  for (const name of REWRITTEN) {
    onStep(`searching ${FILES[name]}`)
    const path = join(folder, FILES[name])
    if (!existsSync(path)) continue
    using db = openReadOnly(path)
    note(
      FILES[name],
      guarded(path, () => searchTables(db, person)),
    )
    const records = new Map<string, number>()
    for await (const { topic } of recordsNaming(db, topics, person, TOPICS)) records.set(topic, (records.get(topic) ?? 0) + 1)
    note(FILES[name], records)
  }
  for (const address of lakesOf(settings)) note('lake', await searchLake(settings, address, person, onStep))
  onStep(`searching ${WAREHOUSE.file}`)
  for (const name of warehousesAside(folder)) note(name, await searchAside(settings, name, person))
  if (existsSync(join(folder, WAREHOUSE.file)))
    note(WAREHOUSE.file, await withWarehouse(settings, (session) => searchWarehouse(session, person)))
  note(LOGS, searchLogs(join(folder, LOGS), person))
  const stores: readonly string[] = REWRITTEN.map((name) => FILES[name])
  const isLeftOut = (name: string) =>
    name.startsWith(FILES.raw) || name.startsWith(`${LOGS}${sep}`) || (!isAfter && stores.some((store) => name.startsWith(store)))
  note('files', new Map(filesMentioning(folder, person, isLeftOut).map((name) => [name, 1])))
  return found
}

/** The log's own copies, and where in it others tell of the person. It is never changed, so once is enough. */
async function searchRaw(settings: Settings, id: string) {
  const path = join(settings.DATA_DIR, FILES.raw)
  if (!existsSync(path)) return { copies: [], named: undefined }
  using db = openReadOnly(path)
  const topics = readTopics(settings.TOPICS_FILE, 0)
  const found = new Map<Topic, { records: number; newestMs: number }>()
  const places: LogRecord[] = []
  for await (const record of recordsNaming(db, topics, { id, pseudonym: '' }, RAW_TOPICS)) {
    const { records, newestMs } = found.get(record.topic) ?? { records: 0, newestMs: 0 }
    found.set(record.topic, { records: records + 1, newestMs: Math.max(newestMs, record.appendedAt) })
    if (record.key !== id) places.push(record)
  }
  const copies = [...found].map(([topic, { records, newestMs }]): LogCopy => {
    return { topic, records, expires_on: dayOf(newestMs + topics[topic].retentionMs) }
  })
  return { copies, named: { logId: sqliteLogView(db, topics)?.id ?? '', places } }
}

async function* recordsNaming(
  db: ReturnType<typeof openReadOnly>,
  topics: TopicSpecs,
  person: Person,
  of: readonly Topic[],
): AsyncGenerator<LogRecord> {
  const view = db.prepare("select 1 from sqlite_schema where name = 'log_batches'").get() && sqliteLogView(db, topics)
  if (!view) return
  for (const topic of of) {
    for (let partition = 0; partition < topics[topic].partitions; partition += 1) {
      for await (const batch of view.batches(topic, partition)) {
        if (batch.fault !== undefined)
          throw new FlowGuardError('store_corrupt', `${topic}-${partition} is damaged at offset ${batch.offset}: ${batch.fault}`)
        yield* batch.records().filter((record) => recordMentions(record, person))
      }
    }
  }
}

async function searchLake(settings: Settings, address: string, person: Person, onStep: Erasing['onStep']): Promise<Map<string, number>> {
  await using lake = openLake(settings, address, join(settings.DATA_DIR, TEMP))
  const found = new Map<string, number>()
  const of = await countEntries(lake.files)
  // A folder of its own, that goes with the lake's.
  const folder = mkdtempSync(join(lake.folder, 'search-'))
  for await (const entry of readEntries(lake.files)) {
    onStep(`searching the lake: entry ${entry.number} of ${of}`)
    const topics = new Map<string, Topic>()
    for (const file of entry.files) topics.set(await fetchFile(lake.files, file, folder), file.topic)
    await lake.parquet.rewrite([...topics.keys()], formsOf(person.id), (row, path) => {
      const topic = topics.get(path) as Topic
      const isNamed = row.key === person.id || row.userId === person.id || mentions(row.text ?? '', person)
      if (isNamed) found.set(topic, (found.get(topic) ?? 0) + 1)
      return row
    })
    for (const path of topics.keys()) rmSync(path)
  }
  return found
}
