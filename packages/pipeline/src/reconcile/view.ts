import type { DatabaseSync } from 'node:sqlite'
import { DAY_MS, isoOf, milliToRupees, RECON_CAUSES, type ReconCause, type ReconKind } from '@flowguard/contract'

/** So many differences are told at once. */
export const DIFFERENCES_COUNT_MAX = 1_000

export interface CauseSum {
  cause: ReconCause
  differences: number
  /** Rupees: what the ledger was put right by, and what was not charged any more. */
  amount: number
  waived: number
}

/** An hour of event time, as it stood when it was last gone through. Money in rupees. */
export interface HourShown {
  hour: string
  /** Before when of it all was settled then. */
  settled_to: string
  /** Orders and charges that the batch found. */
  orders: number
  charges: number
  /** What billing had charged by itself, what the batch says, and what was put right in all. */
  stream: number
  batch: number
  corrected: number
  waived: number
  causes: Partial<Record<ReconCause, number>>
}

export interface SideShown {
  count: number
  amount: number
  click_event_id: string | null
  ad_id: string | null
}

export interface DifferenceShown {
  correction_id: string
  run_id: number | null
  hour: string
  kind: ReconKind
  cause: ReconCause
  detail: string
  event_id: string
  ad_id: string | null
  day: string
  order_id: string | null
  user_id: string | null
  stream: SideShown
  batch: SideShown
  amount: number
  waived: number
  /** Whether billing has applied it; true where there is nothing to apply. */
  applied: boolean
}

export interface ReconRun {
  run_id: number
  asked_by: string
  from: string
  to: string
  state: 'running' | 'done' | 'failed' | 'interrupted'
  started_at: string
  ended_at: string | null
  settled_to: string | null
  differences: number
  unexplained: number
  corrected: number
  waived: number
  error: string | null
}

export interface FlagShown {
  user_id: string
  event_id: string
  reason: string
  flagged_at: string
}

export interface DifferencesAsked {
  from?: string | undefined
  to?: string | undefined
  cause?: ReconCause | undefined
  runId?: number | undefined
  eventId?: string | undefined
  limit: number
}

interface Row {
  [name: string]: string | number | null
}

const rowsIn = (db: DatabaseSync, sql: string, ...params: (string | number | null)[]) => db.prepare(sql).all(...params) as unknown as Row[]
const iso = (ms: number | string | null | undefined) => (ms === null || ms === undefined ? null : isoOf(Number(ms)))
const money = (milli: unknown) => milliToRupees(Number(milli))

interface Found {
  /** The first of them. */
  differences: DifferenceShown[]
  total: number
  causes: CauseSum[]
}

/** What reconciliation has left behind, for whoever looks. */
export function reconcileView(db: DatabaseSync) {
  function foundOf({ sql, params }: Where, limit: number): Found {
    const causes = rowsIn(
      db,
      `select cause, count(*) as n, sum(d.amount) as amount, sum(waived) as waived from recon_differences d where ${sql} group by cause`,
      ...params,
    )
    const found = rowsIn(
      db,
      `select d.*, r.ledger_seq as seq from recon_differences d left join recon_applied r using (correction_id) where ${sql}
       order by d.hour, d.rowid limit ?`,
      ...params,
      Math.min(limit, DIFFERENCES_COUNT_MAX),
    )
    return {
      differences: found.map(shownOf),
      total: causes.reduce((sum, { n }) => sum + Number(n), 0),
      causes: RECON_CAUSES.flatMap((cause) =>
        causes
          .filter((row) => row['cause'] === cause)
          .map((row) => ({ cause, differences: Number(row['n']), amount: money(row['amount']), waived: money(row['waived']) })),
      ),
    }
  }

  return {
    hours(from: string, to: string): HourShown[] {
      const [first, behind] = [Date.parse(from), Date.parse(to) + DAY_MS]
      const found = rowsIn(db, 'select * from recon_hours where hour >= ? and hour < ? order by hour', first, behind)
      const sums = rowsIn(
        db,
        'select hour, cause, count(*) as n, sum(amount) as amount, sum(waived) as waived from recon_differences where hour >= ? and hour < ? group by hour, cause',
        first,
        behind,
      )
      return found.map((row) =>
        hourOf(
          row,
          sums.filter(({ hour }) => hour === row['hour']),
        ),
      )
    },
    differences: (asked: DifferencesAsked): Found => foundOf(whereOf(asked), asked.limit),
    /** Without a cause: on record of those days, whoever found it, and what that run found on any other. */
    unexplained(days: { from: string; to: string }, runId: number | null, limit: number): Found {
      const { sql, params } = whereOf(days)
      return foundOf({ sql: `d.cause = 'unexplained' and (${sql} or d.run_id is ?)`, params: [...params, runId] }, limit)
    },
    runs: (limit: number): ReconRun[] => rowsIn(db, 'select * from recon_runs order by run_id desc limit ?', limit).map(runOf),
    run(id: number): ReconRun | undefined {
      return rowsIn(db, 'select * from recon_runs where run_id = ?', id).map(runOf)[0]
    },
    flags: (): FlagShown[] =>
      rowsIn(db, 'select * from recon_flags order by flagged_at desc, user_id, event_id').map((row) => ({
        user_id: String(row['user_id']),
        event_id: String(row['event_id']),
        reason: String(row['reason']),
        flagged_at: isoOf(Number(row['flagged_at'])),
      })),
    /** Corrections that billing has yet to apply. */
    waiting: (): number =>
      Number(
        rowsIn(
          db,
          'select count(*) as n from recon_differences d left join recon_applied r using (correction_id) where d.amount <> 0 and r.ledger_seq is null',
        )[0]?.['n'],
      ),
    /** Found since then, without a cause. */
    unexplainedSince(ms: number): { count: number; latest: string } | undefined {
      const [row] = rowsIn(
        db,
        `select count(*) as n, detail, kind, event_id, max(found_at) as at from recon_differences where cause = 'unexplained' and found_at >= ?`,
        ms,
      )
      const count = Number(row?.['n'] ?? 0)
      return count === 0 ? undefined : { count, latest: `${row!['kind']} of ${row!['event_id']}: ${row!['detail']}` }
    },
  }
}

export type ReconcileView = ReturnType<typeof reconcileView>

interface Where {
  sql: string
  params: (string | number | null)[]
}

function whereOf({ from, to, cause, runId, eventId }: Omit<DifferencesAsked, 'limit'>): Where {
  const parts: [string, string | number][] = [
    ...(from === undefined ? [] : [['d.hour >= ?', Date.parse(from)] as [string, number]]),
    ...(to === undefined ? [] : [['d.hour < ?', Date.parse(to) + DAY_MS] as [string, number]]),
    ...(cause === undefined ? [] : [['d.cause = ?', cause] as [string, string]]),
    ...(runId === undefined ? [] : [['d.run_id = ?', runId] as [string, number]]),
    ...(eventId === undefined ? [] : [['d.event_id = ?', eventId] as [string, string]]),
  ]
  return { sql: parts.map(([sql]) => sql).join(' and ') || 'true', params: parts.map(([, param]) => param) }
}

function hourOf(row: Row, sums: readonly Row[]): HourShown {
  const sum = (name: string) => sums.reduce((total, each) => total + Number(each[name]), 0)
  return {
    hour: isoOf(Number(row['hour'])),
    settled_to: isoOf(Number(row['settled_to'])),
    orders: Number(row['orders']),
    charges: Number(row['charges']),
    stream: money(row['stream_amount']),
    batch: money(row['batch_amount']),
    corrected: money(sum('amount')),
    waived: money(sum('waived')),
    causes: Object.fromEntries(sums.map(({ cause, n }) => [cause, n])) as HourShown['causes'],
  }
}

function shownOf(row: Row): DifferenceShown {
  const side = (name: 'stream' | 'batch'): SideShown => ({
    count: Number(row[`${name}_count`]),
    amount: money(row[`${name}_amount`]),
    click_event_id: row[`${name}_click`] as string | null,
    ad_id: row[`${name}_ad`] as string | null,
  })
  return {
    correction_id: String(row['correction_id']),
    run_id: Number(row['run_id']),
    hour: isoOf(Number(row['hour'])),
    kind: row['kind'] as ReconKind,
    cause: row['cause'] as ReconCause,
    detail: String(row['detail']),
    event_id: String(row['event_id']),
    ad_id: row['ad_id'] as string | null,
    day: String(row['day']),
    order_id: row['order_id'] as string | null,
    user_id: row['user_id'] as string | null,
    stream: side('stream'),
    batch: side('batch'),
    amount: money(row['amount']),
    waived: money(row['waived']),
    applied: row['amount'] === 0 || row['seq'] !== null,
  }
}

function runOf(row: Row): ReconRun {
  return {
    run_id: Number(row['run_id']),
    asked_by: String(row['asked_by']),
    from: String(row['from_date']),
    to: String(row['to_date']),
    state: row['state'] as ReconRun['state'],
    started_at: isoOf(Number(row['started_at'])),
    ended_at: iso(row['ended_at']),
    settled_to: iso(row['settled_to']),
    differences: Number(row['differences']),
    unexplained: Number(row['unexplained']),
    corrected: money(row['corrected']),
    waived: money(row['waived']),
    error: row['error'] as string | null,
  }
}
