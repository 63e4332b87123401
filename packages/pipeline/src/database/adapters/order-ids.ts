import type { DatabaseSync } from 'node:sqlite'
import { hash128, type Hash128 } from '../../kernel/hash.ts'
import { guarded } from '../../kernel/sqlite.ts'

/** So many ids of order events make a run. */
const RUN_COUNT = 16_384
/** A run lies in so many rows, by the ids' hash: about 64 ids a row. */
const BUCKETS_COUNT = 256
/** Runs that share a filter: one a bit. */
const FILTER_RUNS_COUNT = 32
/** Slots of a filter: 32 an id of a run, of which each takes 4. So a run is searched in vain for one new id in 5,000. */
const SLOTS_COUNT = 32 * RUN_COUNT
const SLOTS_PER_ID = 4

type Entry = readonly [eventId: string, orderId: string, contentHash: string]

export interface OrderIds {
  /** Reads what memory holds of them, unless that is done; `find` does so by itself. */
  load(): void
  /** The entry of an event that was taken, in a transaction before or in this one. */
  find(eventId: string): Entry | undefined
  add(entry: Entry): void
  /** Within the transaction: writes what was added. */
  write(): void
  /** After it: what was added stays, or never was. */
  settle(isCommitted: boolean): void
}

/**
 * What is known of every order event, for as long as there are orders. An index on random ids would cost a page of the disk for each of them; here
 * ids are written in the order of arrival. The latest are held in memory too. Every 16,384 of them are laid down as a run, in buckets that are never
 * written again, and a filter in memory says which runs may hold an id: for a new one, as good as always none. 32 runs, that is 524,288 ids, share a
 * filter of 2 MiB, which is stored as it is once they are complete, so that starting is a copy.
 *
 * It grows with the orders, as their table does: by 4 bytes of memory an id, and by a filter to look at for every 524,288 ids. Ten million orders take 40 MB and 20
 * filters.
 */
export function orderIdsIn(db: DatabaseSync, path: string): OrderIds {
  const sql = guarded(path, () => ({
    addRecent: db.prepare('insert into order_ids_recent (entries) values (?)'),
    recent: db.prepare('select entries from order_ids_recent order by id'),
    forget: db.prepare('delete from order_ids_recent'),
    bucket: db.prepare('select entries from order_id_buckets where id = ?'),
    addBucket: db.prepare('insert into order_id_buckets values (?, ?)'),
    filters: db.prepare('select id, slots from order_id_filters'),
    addFilter: db.prepare('insert into order_id_filters values (?, ?)'),
    forgetSlots: db.prepare('delete from order_id_slots where run between ? and ?'),
    slots: db.prepare('select run, slots from order_id_slots'),
    addSlots: db.prepare('insert into order_id_slots values (?, ?)'),
  }))
  const recent = new Map<string, Entry>()
  const filters: Uint32Array<ArrayBuffer>[] = []
  const words: Hash128 = new Uint32Array(4)
  let added: Entry[] = []
  let runs = 0
  let laidDown = 0
  let isLoaded = false

  /** Not when the tables are opened: who only reads the others need not wait for it, or hold it. */
  function load(): void {
    if (isLoaded) return
    for (const { id, slots } of sql.filters.iterate() as Iterable<unknown> as Iterable<{ id: number; slots: Uint8Array }>) {
      filters[id] = new Uint32Array(slots.slice().buffer)
      runs = Math.max(runs, (id + 1) * FILTER_RUNS_COUNT)
    }
    for (const { run, slots } of sql.slots.iterate() as Iterable<unknown> as Iterable<{ run: number; slots: Uint8Array }>) {
      mark(run, new Uint32Array(slots.slice().buffer))
      runs = Math.max(runs, run + 1)
    }
    for (const { entries } of sql.recent.iterate() as Iterable<unknown> as Iterable<{ entries: string }>) {
      for (const entry of JSON.parse(entries) as Entry[]) recent.set(entry[0], entry)
    }
    isLoaded = true
  }

  function mark(run: number, slots: Uint32Array): void {
    const filter = (filters[Math.floor(run / FILTER_RUNS_COUNT)] ??= new Uint32Array(SLOTS_COUNT))
    const bit = 1 << (run % FILTER_RUNS_COUNT)
    for (let at = 0; at < slots.length; at += 1) filter[slots[at]!]! |= bit
  }

  function inRuns(eventId: string): Entry | undefined {
    if (filters.length === 0) return undefined
    hash128(eventId, words)
    for (const [at, filter] of filters.entries()) {
      let candidates = -1
      for (let each = 0; each < SLOTS_PER_ID; each += 1) candidates &= filter[slotOf(words, each)] as number
      for (; candidates !== 0; candidates &= candidates - 1) {
        const run = at * FILTER_RUNS_COUNT + 31 - Math.clz32(candidates & -candidates)
        const row = sql.bucket.get(run * BUCKETS_COUNT + bucketOf(words)) as { entries: string } | undefined
        const found = row && (JSON.parse(row.entries) as Entry[]).find(([id]) => id === eventId)
        if (found) return found
      }
    }
    return undefined
  }

  /** What a rollback leaves behind in the filter is a search in vain. The last run of a filter stores it, in place of what it was made from. */
  function layDown(run: number, entries: readonly Entry[]): void {
    const slots = new Uint32Array(entries.length * SLOTS_PER_ID)
    const buckets = new Map<number, Entry[]>()
    for (const [at, entry] of entries.entries()) {
      hash128(entry[0], words)
      for (let each = 0; each < SLOTS_PER_ID; each += 1) slots[at * SLOTS_PER_ID + each] = slotOf(words, each)
      const bucket = buckets.get(bucketOf(words))
      if (bucket) bucket.push(entry)
      else buckets.set(bucketOf(words), [entry])
    }
    for (const [bucket, each] of buckets) sql.addBucket.run(run * BUCKETS_COUNT + bucket, JSON.stringify(each))
    mark(run, slots)
    if ((run + 1) % FILTER_RUNS_COUNT > 0) {
      sql.addSlots.run(run, new Uint8Array(slots.buffer))
      return
    }
    const filter = Math.floor(run / FILTER_RUNS_COUNT)
    sql.addFilter.run(filter, new Uint8Array((filters[filter] as Uint32Array<ArrayBuffer>).buffer))
    sql.forgetSlots.run(filter * FILTER_RUNS_COUNT, run)
  }

  return {
    load,
    find(eventId) {
      load()
      return recent.get(eventId) ?? inRuns(eventId)
    },
    add(entry) {
      recent.set(entry[0], entry)
      added.push(entry)
    },
    write() {
      if (added.length === 0) return
      if (recent.size < RUN_COUNT) {
        sql.addRecent.run(JSON.stringify(added))
        return
      }
      const entries = [...recent.values()]
      for (; entries.length >= RUN_COUNT; laidDown += 1) layDown(runs + laidDown, entries.splice(0, RUN_COUNT))
      sql.forget.run()
      if (entries.length > 0) sql.addRecent.run(JSON.stringify(entries))
    },
    settle(isCommitted) {
      if (isCommitted) {
        for (const eventId of recent.keys().take(laidDown * RUN_COUNT)) recent.delete(eventId)
        runs += laidDown
      } else {
        for (const [eventId] of added) recent.delete(eventId)
      }
      added = []
      laidDown = 0
    },
  }
}

/** The filters and the buckets on the disk were made with this hash: another would need other tables. */
function slotOf([one = 0, two = 0]: Hash128, each: number): number {
  return ((one + Math.imul(each, two | 1)) >>> 8) % SLOTS_COUNT
}

function bucketOf([, two = 0]: Hash128): number {
  return two >>> 24
}
