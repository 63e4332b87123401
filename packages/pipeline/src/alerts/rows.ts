import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { isoOf, type AlertKind, type AlertSeverity, type AlertState, type BookedAlert } from '@flowguard/contract'

/** A row of the book. */
export interface AlertRow {
  seq: number
  alertId: string
  rule: string
  subject: string
  kind: AlertKind
  severity: AlertSeverity
  title: string
  detail: string
  reason: string
  value: number | null
  low: number | null
  high: number | null
  state: AlertState
  told: AlertState
  count: number
  since: number
  lastSeen: number
  resolvedAt: number | null
  reopenedAt: number | null
  resolvedBy: 'itself' | 'operator' | null
  raisedAt: number
  changedAt: number
  acknowledgedAt: number | null
  note: string | null
}

const COLUMNS = `seq, alert_id as alertId, rule, subject, kind, severity, title, detail, reason, value, low, high, state, told, count, since, last_seen as lastSeen,
  resolved_at as resolvedAt, reopened_at as reopenedAt, resolved_by as resolvedBy, raised_at as raisedAt, changed_at as changedAt, acknowledged_at as acknowledgedAt,
  note`

/** Reads rows of the book by a condition; for its owner, and for whoever looks at it. */
export function rowsWhere(db: DatabaseSync, condition: string) {
  const statement = db.prepare(`select ${COLUMNS} from alerts where ${condition}`)
  return (...values: SQLInputValue[]) => statement.all(...values) as unknown as AlertRow[]
}

/** As it lies in `alerts.v1`, and as it is shown. */
export function alertOfRow(row: AlertRow): BookedAlert {
  const { low, high, since, resolvedAt } = row
  return {
    alert_id: row.alertId,
    kind: row.kind,
    severity: row.severity,
    title: row.title,
    detail: row.detail,
    raised_at: isoOf(row.raisedAt),
    state: row.state,
    rule: row.rule,
    subject: row.subject,
    reason: row.reason,
    value: row.value,
    expected: low === null && high === null ? null : { low, high },
    count: row.count,
    since: isoOf(since),
    last_seen: isoOf(row.lastSeen),
    resolved_at: resolvedAt === null ? null : isoOf(resolvedAt),
    duration_ms: resolvedAt === null ? null : Math.max(0, resolvedAt - since),
    resolved_by: row.resolvedBy,
  }
}

/** How many alerts are open, of each kind that has any. */
export function openByKind(db: DatabaseSync): { kind: AlertKind; count: number }[] {
  return db.prepare(`select kind, count(*) as count from alerts where state = 'open' group by kind`).all() as {
    kind: AlertKind
    count: number
  }[]
}

/** When the book was written last, by the clock; null where nothing is in it. */
export function changedAt(db: DatabaseSync): number | null {
  return (db.prepare('select max(changed_at) as at from alerts').get() as { at: number | null }).at
}
