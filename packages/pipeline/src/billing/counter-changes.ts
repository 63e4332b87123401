import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { CHARGE_KINDS, type ChargeKind } from '@flowguard/contract'
import { openReadOnly, transaction } from '../kernel/sqlite.ts'
import { asOfIn } from './as-of.ts'
import { AD_FIGURES, chargesOf, ITEM_FIGURES, noSums, plusSum, setOf, textOf, TOTALS, type Counted, type CounterSums } from './counters.ts'

/** Rows that the counters elsewhere have been told already and that stay: whoever compares the two reads the one after the other. */
const TOLD_ROWS_KEPT = 500
/** Removed together, for each removal is flushed. */
const REMOVED_ROWS_MIN = 100
/** After so long, others of this process have their turn. */
const TURN_MS = 5
const BATCH_FIELDS = 2_000

const LATEST = "select coalesce((select seq from sqlite_sequence where name = 'counter_changes'), 0) as seq"

export interface ChangeRow {
  seq: number
  sums: string
}

/** What the counters grew by, written where they grow and read by whoever tells those elsewhere. */
export function counterChanges(db: DatabaseSync) {
  const sql = {
    insert: db.prepare('insert into counter_changes (sums) values (?)'),
    after: db.prepare('select seq, sums from counter_changes where seq > ? order by seq limit ?'),
    oldest: db.prepare('select min(seq) as seq from counter_changes'),
    latest: db.prepare(LATEST),
    remove: db.prepare('delete from counter_changes where seq <= ?'),
    epoch: db.prepare('select epoch from counter_standing'),
    setEpoch: db.prepare('update counter_standing set epoch = ?'),
  }
  const latest = () => (sql.latest.get() as { seq: number }).seq
  return {
    /** In the transaction that writes the counters. */
    write(sums: CounterSums) {
      if (sums.size > 0) sql.insert.run(textOf(sums))
    },
    after: (seq: number, countMax: number) => sql.after.all(seq, countMax) as unknown as ChangeRow[],
    /** The first row that is still there, or the next one to come. */
    oldest: () => (sql.oldest.get() as { seq: number | null }).seq ?? latest() + 1,
    /** The last row that was ever written. */
    latest,
    /** Forgets what was told up to there. */
    removeTold(place: number) {
      const upTo = place - TOLD_ROWS_KEPT
      if (upTo - this.oldest() >= REMOVED_ROWS_MIN) sql.remove.run(upTo)
    },
    /** What the counters elsewhere were last filled as; undefined where they are to be filled. */
    epoch: () => (sql.epoch.get() as { epoch: string | null }).epoch ?? undefined,
    setEpoch: (epoch: string) => void sql.setEpoch.run(epoch),
    /** Has them filled anew. */
    askForFilling: () => void sql.setEpoch.run(null),
    /** While the counters are kept here alone nothing tells those elsewhere, so they are to be filled before they are used again. */
    forget() {
      if (this.epoch() === undefined && this.oldest() > latest()) return
      transaction(db, () => {
        sql.setEpoch.run(null)
        sql.remove.run(latest())
      })
    },
  }
}

export type CounterChanges = ReturnType<typeof counterChanges>

/** Where the counters stand that are told in batches. */
export interface Snapshot {
  place: number
  asOf: string | null
}

/**
 * All counters as they are in one state of the store, a batch at a time: those of ads from the ledger itself, which they are sums of. Others write meanwhile.
 */
export async function readCounters(path: string, put: (sums: CounterSums) => Promise<void>): Promise<Snapshot & { count: number }> {
  using db = openReadOnly(path)
  // Ended by closing.
  db.exec('begin')
  const { seq: place } = db.prepare(LATEST).get() as { seq: number }
  const asOf = asOfIn(db)
  let [sums, fields, count, turnEnds] = [noSums(), 0, 0, performance.now() + TURN_MS]
  for (const [set, field, by] of countersIn(db)) {
    plusSum(sums, set, field, by)
    count += 1
    fields += 1
    if (fields >= BATCH_FIELDS) {
      await put(sums)
      sums = noSums()
      fields = 0
    }
    if (performance.now() > turnEnds) {
      await setImmediate()
      turnEnds = performance.now() + TURN_MS
    }
  }
  await put(sums)
  return { place, asOf, count }
}

/** What the counters are here, to be compared: in one state of the store. */
export function countedIn(path: string): Counted {
  using db = openReadOnly(path)
  db.exec('begin')
  const { seq: place } = db.prepare(LATEST).get() as { seq: number }
  const sums = noSums()
  for (const [set, field, by] of countersIn(db)) plusSum(sums, set, field, by)
  return { place, sums, changes: db.prepare('select seq, sums from counter_changes order by seq').all() as unknown as ChangeRow[] }
}

type Counter = [set: string, field: string, by: bigint]

function* countersIn(db: DatabaseSync): Generator<Counter> {
  const totals = new Map(CHARGE_KINDS.map((kind) => [kind, { count: 0n, amount: 0n }]))
  for (const { adId, day, kind, count, amount } of chargesIn(db)) {
    yield [setOf('charges', day), chargesOf(kind, 'count', adId), count]
    yield [setOf('charges', day), chargesOf(kind, 'amount', adId), amount]
    const total = totals.get(kind)!
    total.count += count
    total.amount += amount
  }
  for (const [kind, { count, amount }] of totals) {
    yield [TOTALS, `count:${kind}`, count]
    yield [TOTALS, `amount:${kind}`, amount]
  }
  const totalsOf = db.prepare("select what, count, amount from totals where what in ('orders', 'attributed')")
  totalsOf.setReadBigInts(true)
  for (const row of totalsOf.iterate()) {
    const { what, count, amount } = row as { what: string; count: bigint; amount: bigint }
    yield [TOTALS, `count:${what}`, count]
    yield [TOTALS, `amount:${what}`, amount]
  }
  yield* figuresIn(db, 'items', 'select item_id as id, * from item_counters', ITEM_FIGURES)
  yield* figuresIn(db, 'ads', 'select ad_id as id, * from ad_days', AD_FIGURES)
}

interface Charges {
  adId: string
  day: string
  kind: ChargeKind
  count: bigint
  amount: bigint
}

/** From ad and day to ad and day, by the index: no step is longer than what one ad earned on one day. */
function* chargesIn(db: DatabaseSync): Generator<Charges> {
  const next = db.prepare('select ad_id as adId, day from ledger where (ad_id, day) > (?, ?) order by ad_id, day limit 1')
  const sums = db.prepare('select kind, count(*) as count, sum(amount) as amount from ledger where ad_id = ? and day = ? group by kind')
  sums.setReadBigInts(true)
  for (let [adId, day] = ['', '']; ;) {
    const found = next.get(adId, day) as { adId: string; day: string } | undefined
    if (!found) return
    ;({ adId, day } = found)
    for (const each of sums.all(adId, day) as unknown as Omit<Charges, 'adId' | 'day'>[]) yield { adId, day, ...each }
  }
}

function* figuresIn(db: DatabaseSync, what: 'items' | 'ads', query: string, figures: readonly string[]): Generator<Counter> {
  const rows = db.prepare(query)
  rows.setReadBigInts(true)
  for (const row of rows.iterate() as Iterable<unknown> as Iterable<Record<string, bigint> & { day: string }>) {
    for (const figure of figures) yield [setOf(what, row.day), `${figure}:${row['id']}`, row[figure] as bigint]
  }
}
