import type { DatabaseSync } from 'node:sqlite'
import { ALERTS, DAY_MS, gravityOf, type AlertKind, type Alert, type AlertSeverity, type ExpectedRange } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import type { TransactionalLog } from '../log/event-log.ts'
import { alertOfRow, rowsWhere, type AlertRow } from './rows.ts'

/** Subjects of one rule that have an open alert of their own: what is about more is told once for all of them. */
export const OPEN_SUBJECTS_MAX = 100
/** The subject of the alert about those that came when so many were open. */
export const OTHERS = '(others)'
/** As long as `alerts.v1` keeps its records. */
const KEPT_MS = 30 * DAY_MS
/** Resolved alerts, however young. */
const KEPT_ROWS_MAX = 20_000
const SUBJECT_CHARS_MAX = 512
const TEXT_CHARS_MAX = 2_000

export interface Raised {
  rule: string
  kind: AlertKind
  /** Whom or what it is about. */
  subject: string
  severity: AlertSeverity
  /** One line. */
  title: string
  /** What happened, and what to do. */
  detail: string
  /** What was seen, against what is usual. */
  reason: string
  value?: number
  expected?: ExpectedRange
  /** When it was seen, as whoever raises knows time: event time, where it is about events. */
  at: number
  /** How often it was seen since the book was told last; 1 unless it is said. */
  times?: number
}

interface Options {
  db: DatabaseSync
  /** The derived topics on the same connection. */
  derived: TransactionalLog
  clock: Clock
  /** Raised again sooner than this after it was over, it is the same alert. */
  cooldownMs: (rule: string) => number
}

/**
 * The book of alerts, for whoever raises: each call inside the transaction of what it is about. Of a rule and subject one alert is open at most; it grows, and the
 * topic is told when it opens, when it becomes graver than it ever was, and when it is over: as grave as it was, so that who heard of it hears of its end. One that comes again within the cooldown is the same, and goes on without a word; where it stays for longer than
 * the cooldown, it is told again, for the topic has it as over.
 */
export function alertBook({ db, derived, clock, cooldownMs }: Options) {
  const openOf = rowsWhere(db, `rule = ? and subject = ? and state = 'open'`)
  const resolvedOf = rowsWhere(db, `rule = ? and subject = ? and state = 'resolved' order by resolved_at desc limit 1`)
  const byId = rowsWhere(db, 'alert_id = ?')
  const openOfKind = rowsWhere(db, `kind = ? and state = 'open' order by seq`)
  const countOpen = db.prepare(`select count(*) as count from alerts where rule = ? and state = 'open' and subject <> '${OTHERS}'`)
  const insert = db.prepare(
    `insert into alerts (alert_id, rule, subject, kind, severity, title, detail, reason, value, low, high, state, told, count, since, last_seen, raised_at, changed_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', 'open', ?, ?, ?, ?, ?)`,
  )
  const grow = db.prepare(
    `update alerts set severity = ?, title = ?, detail = ?, reason = ?, value = ?, low = ?, high = ?, count = count + ?, last_seen = max(last_seen, ?),
       changed_at = ? where seq = ?`,
  )
  const reopen = db.prepare(`update alerts set state = 'open', resolved_at = null, resolved_by = null, reopened_at = ? where seq = ?`)
  const close = db.prepare(`update alerts set state = 'resolved', resolved_at = ?, resolved_by = ?, changed_at = ? where seq = ?`)
  const acknowledge = db.prepare(
    `update alerts set acknowledged_at = coalesce(acknowledged_at, ?), note = coalesce(?, note), changed_at = ? where alert_id = ? and state = 'open'`,
  )
  const addNote = db.prepare('update alerts set note = ? where seq = ?')
  const tell = db.prepare('update alerts set told = state where seq = ?')
  const forgetOld = db.prepare(`delete from alerts where state = 'resolved' and changed_at < ?`)
  const forgetMany = db.prepare(`delete from alerts where state = 'resolved' and seq <= (select max(seq) from alerts) - ${KEPT_ROWS_MAX}`)

  function toTopic({ alertId }: AlertRow, before?: AlertSeverity) {
    const [row] = byId(alertId) as [AlertRow]
    const told = { ...alertOfRow(row), ...(before && { severity_before: before }) } satisfies Alert
    derived.appendNow(ALERTS, [{ key: row.alertId, value: JSON.stringify(told), headers: {} }])
    tell.run(row.seq)
  }

  /** `row`: as it was. `isDue`: the topic is to be told whatever it has become. */
  function growBy(row: AlertRow, raised: Raised, isDue: boolean) {
    const { severity, title, detail, reason, value, expected, at, times = 1 } = raised
    const isGraver = gravityOf(severity) > gravityOf(row.severity)
    const texts = [cut(title), cut(detail), cut(reason)] as const
    grow.run(isGraver ? severity : row.severity, ...texts, ...figures(value, expected), times, at, clock(), row.seq)
    if (isGraver || isDue) toTopic(row, row.told === 'open' ? row.severity : undefined)
  }

  function openNew(raised: Raised) {
    const { rule, subject, kind, severity, title, detail, reason, value, expected, at, times = 1 } = raised
    const alertId = `${rule}/${subject}/${at}`
    const now = clock()
    forgetOld.run(now - KEPT_MS)
    const texts = [cut(title), cut(detail), cut(reason)] as const
    insert.run(alertId, rule, subject, kind, severity, ...texts, ...figures(value, expected), times, at, at, now, now)
    forgetMany.run()
    toTopic(byId(alertId)[0] as AlertRow)
  }

  function raiseOne(raised: Raised) {
    const { rule, subject, at } = raised
    const [open] = openOf(rule, subject)
    if (open) {
      growBy(open, raised, open.told === 'resolved' && at - (open.reopenedAt ?? at) >= cooldownMs(rule))
      return
    }
    const [last] = resolvedOf(rule, subject)
    // The same id: it was resolved by hand before time went on.
    const isSame = last !== undefined && (at - (last.resolvedAt ?? 0) <= cooldownMs(rule) || last.since >= at)
    if (!isSame && subject !== OTHERS && (countOpen.get(rule) as { count: number }).count >= OPEN_SUBJECTS_MAX)
      return raiseOne(aboutOthers(raised))
    if (!isSame) return openNew(raised)
    reopen.run(at, last.seq)
    growBy(last, raised, false)
  }

  /** `resolvedAt` in the time of whoever raises. */
  function resolveRow(row: AlertRow, resolvedAt: number, by: 'itself' | 'operator') {
    close.run(Math.max(resolvedAt, row.lastSeen), by, clock(), row.seq)
    // What came back without a word ends without one.
    if (row.told === 'open') toTopic(row)
  }

  return {
    /** Opens an alert, or adds to the one that is open. */
    raise: (raised: Raised) => raiseOne({ ...raised, subject: raised.subject.slice(0, SUBJECT_CHARS_MAX) }),
    /** It is over, if it was open. */
    calm(rule: string, subject: string, at: number) {
      const [open] = openOf(rule, subject.slice(0, SUBJECT_CHARS_MAX))
      if (open) resolveRow(open, at, 'itself')
      if ((countOpen.get(rule) as { count: number }).count > OPEN_SUBJECTS_MAX / 2) return
      const [others] = openOf(rule, OTHERS)
      if (others) resolveRow(others, at, 'itself')
    },
    /** What is open, in the order in which it opened. */
    open: (kind: AlertKind) => openOfKind(kind),
    /** An operator has seen it, and sees to it; false where there is no such open alert. */
    acknowledge(alertId: string, note?: string): boolean {
      const now = clock()
      return Number(acknowledge.run(now, note === undefined ? null : cut(note), now, alertId).changes) === 1
    },
    /** An operator says that it is over; false where there is no such open alert. What it is about may raise it again. */
    resolve(alertId: string, note?: string): boolean {
      const [row] = byId(alertId)
      if (row?.state !== 'open') return false
      if (note !== undefined) addNote.run(cut(note), row.seq)
      resolveRow(row, row.lastSeen, 'operator')
      return true
    },
  }
}

export type AlertBook = ReturnType<typeof alertBook>

function aboutOthers(raised: Raised): Raised {
  return {
    ...raised,
    subject: OTHERS,
    title: `${raised.rule}: more than ${OPEN_SUBJECTS_MAX} at once`,
    detail: `${OPEN_SUBJECTS_MAX} alerts of this rule are open; what comes besides is counted here. The latest: ${raised.title}. ${raised.detail}`,
  }
}

const figures = (value: number | undefined, expected: ExpectedRange | undefined) =>
  [value ?? null, expected?.low ?? null, expected?.high ?? null] as const

const cut = (text: string) => text.slice(0, TEXT_CHARS_MAX)
