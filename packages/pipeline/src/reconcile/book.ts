import type { DatabaseSync } from 'node:sqlite'
import {
  CLICKS,
  DAY_MS,
  dayOf,
  isoOf,
  milliToRupees,
  ORDERS,
  RECON,
  type Correction,
  type ReconCause,
  type ReconKind,
} from '@flowguard/contract'
import { asOfIn } from '../billing/as-of.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import { transaction } from '../kernel/sqlite.ts'
import type { TransactionalLog } from '../log/event-log.ts'
import { standingsIn, type Standing } from '../reader/places.ts'
import type { InputRow } from './inputs.ts'

/** One side of a difference. Amounts in milli-paise. */
export interface Side {
  count: number
  amount: number
  click: string | null
  ad: string | null
}

/** A difference as it was found, before it has a name. Times in milliseconds. */
export interface Difference {
  hour: number
  kind: ReconKind
  cause: ReconCause
  detail: string
  eventId: string
  adId: string | null
  day: string
  orderId: string | null
  userId: string | null
  stream: Side
  batch: Side
  /** Added to the ledger. */
  amount: number
  /** Not charged any more. */
  waived: number
}

export interface Hour {
  hour: number
  orders: number
  charges: number
  stream_amount: number
  batch_amount: number
}

export interface Settled {
  runId: number
  settledTo: number
  hours: readonly Hour[]
  differences: readonly Difference[]
}

/** The pipeline's store as of one moment: what readers stand at, what was charged, what was settled. */
export function lookInto(db: DatabaseSync) {
  const ledgerOf = `select l.kind, l.event_id as eventId, l.ad_id as adId, l.day, count(*) as rows, sum(l.amount) as amount, min(l.amount) as one
    from ledger l left join recon_applied r on r.ledger_seq = l.seq where l.ad_id = ? and l.day between ? and ?`
  const byDay = db.prepare(`${ledgerOf} and r.ledger_seq is null group by l.kind, l.event_id, l.day`)
  const orders = db.prepare(`${ledgerOf} and l.kind in ('cpa', 'credit') and r.ledger_seq is null group by l.kind, l.event_id, l.day`)
  const adIds = () =>
    db.prepare(`select ad_id as id from ad_counters union select ad_id from billing_terms where ad_id <> ''`).all() as { id: string }[]

  function* ledger(from: string, to: string, statement = byDay): Generator<InputRow> {
    for (const { id } of adIds())
      for (const row of statement.iterate(id, from, to) as Iterable<unknown> as Iterable<Record<string, string | number>>)
        yield [row['kind']!, row['eventId']!, row['adId']!, row['day']!, row['rows']!, row['amount']!, row['one']!]
  }

  return {
    standings: (): readonly Standing[] => standingsIn(db),
    /** Before when every event that came in time is charged; null while that cannot be said. */
    settledTo(): number | null {
      const asOf = asOfIn(db)
      return asOf === null ? null : Date.parse(asOf)
    },
    terms(): InputRow[] {
      const rows = db
        .prepare(
          `select ad_id as adId, since, lead(since) over (partition by ad_id order by since) as until, pricing, amount from billing_terms`,
        )
        .all() as { adId: string; since: number; until: number | null; pricing: string; amount: number }[]
      return rows.map(({ adId, since, until, pricing, amount }) => [adId, since, until ?? FOREVER_MS, pricing, amount])
    },
    doubleClickMsMax: () =>
      (db.prepare(`select max(amount) as ms from billing_terms where ad_id = ''`).get() as { ms: number | null }).ms ?? undefined,
    /** Late orders of all times, for a cancellation may be of any; late clicks from then on. */
    late: (from: number) =>
      rowsOf(
        db,
        `select topic, partition, position, behind_ms from late_events where topic = '${ORDERS}' or topic = '${CLICKS}' and ts >= ?`,
        from,
      ),
    flags: () => rowsOf(db, 'select user_id, event_id from recon_flags'),
    ledger: (from: string, to: string) => ledger(from, to),
    /** Of another day: what orders were charged there, and what was given back for them. */
    orders: (day: string) => ledger(day, day, orders),
    settled: (from: string, to: string) => rowsOf(db, `${SETTLED} where day between ? and ? ${SETTLED_GROUP}`, from, to),
    settledOrders: (day: string) =>
      rowsOf(db, `${SETTLED} where kind in ('attribution', 'cpa', 'credit') and day = ? ${SETTLED_GROUP}`, day),
  }
}

/** A run that went through all that is whole. */
const through = (run: string) => `(${run}.state = 'done' or coalesce(${run}.error, '') like 'not_whole:%')`
const nextDay = (day: string) => dayOf(Date.parse(day) + DAY_MS)
const daysFrom = (first: string, last: string) => {
  const days: string[] = []
  for (let day = first; day <= last; day = nextDay(day)) days.push(day)
  return days
}

/** Of one event, what was settled in all, and what was said last. */
const SETTLED = `select kind, event_id, ad_id, day, order_id, sum(amount + waived) as amount, sum(waived) as waived, cause, batch_count, batch_amount, batch_click, batch_ad,
  max(rowid) as latest from recon_differences`
const SETTLED_GROUP = 'group by kind, event_id, ad_id'
const SETTLED_COLUMNS = 12
/** A day that is beyond all events. */
const FOREVER_MS = Date.parse('9000-01-01T00:00:00Z')

function* rowsOf(db: DatabaseSync, sql: string, ...params: (string | number)[]): Generator<InputRow> {
  for (const row of db.prepare(sql).iterate(...params)) yield Object.values(row).slice(0, SETTLED_COLUMNS) as (string | number | null)[]
}

interface Options {
  /** The pipeline's own connection. */
  db: DatabaseSync
  /** On the same connection. */
  derived: TransactionalLog
  clock: Clock
}

/** Where reconciliation writes down what it found: differences, their corrections in `recon.v1`, and how the hours stand, in one transaction. */
export function reconcileBook({ db, derived, clock }: Options) {
  // Whoever was at work has died.
  db.prepare(`update recon_runs set state = 'interrupted', ended_at = ? where state = 'running'`).run(clock())
  const nth = db.prepare('select count(*) as n from recon_differences where event_id = ? and kind = ? and ad_id is ?')
  const insert = db.prepare(`insert into recon_differences values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  const putHour = db.prepare('insert or replace into recon_hours values (?, ?, ?, ?, ?, ?, ?)')
  const insertRun = db.prepare(`insert into recon_runs values (null, ?, ?, ?, 'running', ?, null, null, 0, 0, 0, 0, null)`)
  const endRun = db.prepare('update recon_runs set state = ?, ended_at = ?, error = ? where run_id = ?')
  const addToRun = db.prepare(
    `update recon_runs set settled_to = max(coalesce(settled_to, 0), ?), differences = differences + ?, unexplained = unexplained + ?, corrected = corrected + ?,
       waived = waived + ? where run_id = ?`,
  )
  const flag = db.prepare('insert or replace into recon_flags values (?, ?, ?, ?)')
  const unflag = db.prepare('delete from recon_flags where user_id = ? and event_id = ?')

  function write({ runId, settledTo, hours, differences }: Settled) {
    const now = clock()
    const records = differences.map((each) => {
      const { hour, kind, cause, detail, eventId, adId, day, orderId, userId, stream, batch, amount, waived } = each
      const { n } = nth.get(eventId, kind, adId) as { n: number }
      const id = ['recon', kind, ...(adId === null ? [] : [encodeURIComponent(adId)]), encodeURIComponent(eventId), n + 1].join('/')
      insert.run(
        id,
        runId,
        hour,
        kind,
        cause,
        detail,
        eventId,
        adId,
        day,
        orderId,
        userId,
        stream.count,
        stream.amount,
        stream.click,
        stream.ad,
        batch.count,
        batch.amount,
        batch.click,
        batch.ad,
        amount,
        waived,
        now,
      )
      return { key: userId ?? eventId, value: JSON.stringify(correctionOf(id, each, { runId, now })), headers: {} }
    })
    derived.appendNow(RECON, records)
    for (const { hour, orders, charges, stream_amount: stream, batch_amount: batch } of hours)
      putHour.run(hour, settledTo, runId, orders, charges, stream, batch)
    const sum = (of: (each: Difference) => number) => differences.reduce((total, each) => total + of(each), 0)
    addToRun.run(
      settledTo,
      differences.length,
      differences.filter(({ cause }) => cause === 'unexplained').length,
      sum(({ amount }) => amount),
      sum(({ waived }) => waived),
      runId,
    )
  }

  const unsettled = db.prepare(
    `select from_date as first, to_date as last from recon_runs r where asked_by = 'etl' and not ${through('r')} and not exists (
       select 1 from recon_runs t where t.run_id > r.run_id and ${through('t')} and t.from_date <= r.from_date and t.to_date >= r.to_date)`,
  )
  const latest = db.prepare(`select max(to_date) as last from recon_runs where asked_by = 'etl'`)

  /** Days that an ETL run made before these, and nobody went through: its reconciliation failed, was cut off, or never began. */
  function missed(days: readonly string[]): string[] {
    const [first] = days.toSorted()
    const { last } = latest.get() as { last: string | null }
    const gap = first === undefined || last === null ? [] : daysFrom(nextDay(last), dayOf(Date.parse(first) - DAY_MS))
    const cutOff = (unsettled.all() as unknown as { first: string; last: string }[]).flatMap((run) => daysFrom(run.first, run.last))
    return [...new Set([...gap, ...cutOff])].sort()
  }

  return {
    missed,
    begin: (askedBy: string, from: string, to: string): number => Number(insertRun.run(askedBy, from, to, clock()).lastInsertRowid),
    write: (settled: Settled) => transaction(db, () => write(settled)),
    end: (runId: number, state: 'done' | 'failed' | 'interrupted', error: string | null) => void endRun.run(state, clock(), error, runId),
    /** A click that is to earn nothing any more; what it earned is given back by the next run of its day. */
    flag: (userId: string, eventId: string, reason: string) => void flag.run(userId, eventId, reason, clock()),
    /** False where it was not flagged. */
    unflag: (userId: string, eventId: string): boolean => Number(unflag.run(userId, eventId).changes) === 1,
  }
}

export type ReconcileBook = ReturnType<typeof reconcileBook>

function correctionOf(id: string, each: Difference, { runId, now }: { runId: number; now: number }): Correction {
  const side = ({ count, amount, click, ad }: Side) => ({ count, amount: milliToRupees(amount), click_event_id: click, ad_id: ad })
  return {
    correction_id: id,
    kind: each.kind,
    cause: each.cause,
    detail: each.detail,
    hour: isoOf(each.hour),
    event_id: each.eventId,
    ad_id: each.adId,
    day: each.day,
    order_id: each.orderId,
    user_id: each.userId,
    stream: side(each.stream),
    batch: side(each.batch),
    amount: milliToRupees(each.amount),
    waived: milliToRupees(each.waived),
    found_at: isoOf(now),
    run_id: runId,
  }
}
