import { ALERT_SEVERITIES, ALERTS, Alert, Compile, isoOf, parseTimestamp, type AlertSeverity } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { Stores } from './stores.ts'

export const PAGE_COUNT_MAX = 500
/** All alerts lie in one partition: so their order is that of their offsets. */
const PARTITION = 0

export interface AlertFilter {
  kind?: string | undefined
  severity?: AlertSeverity | undefined
}

export interface AlertShown {
  partition: number
  offset: number
  appended_at: string
  /** All that it says: what every alert says, and its kind's own fields. */
  alert: Alert
}

export interface AlertsPage {
  /** Alerts that fit the filter. */
  total: number
  /** How many are kept of each kind and severity, whatever the filter; the most frequent first. */
  groups: { kind: string; severity: AlertSeverity; count: number }[]
  /** The newest first. */
  alerts: AlertShown[]
  /** The `after` of the next page. */
  next_after: number | null
}

/** What there is of alerts, without reading one: cheap enough for each second. */
export interface AlertsState {
  /** Kept. */
  total: number
  /** Where the newest one lies; null where there is none. Offsets of another `log` say nothing. */
  newest: number | null
  log: string | null
}

/** Alerts, the newest first. `after` is a page's `next_after`. */
export function alerts(stores: Stores, filter: AlertFilter, { after, limit }: { after: number | undefined; limit: number }): AlertsPage {
  const groups = new Map<string, AlertsPage['groups'][number]>()
  const page: AlertShown[] = []
  let [total, isMore] = [0, false]
  for (const shown of newestFirst(stores)) {
    const { kind, severity } = shown.alert
    const name = `${severity} ${kind}`
    const group = groups.get(name) ?? { kind, severity, count: 0 }
    groups.set(name, group)
    group.count += 1
    if ((filter.kind ?? kind) !== kind || (filter.severity ?? severity) !== severity) continue
    total += 1
    if (after !== undefined && shown.offset >= after) continue
    if (page.length < limit) page.push(shown)
    else isMore = true
  }
  return {
    total,
    groups: [...groups.values()].sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1)),
    alerts: page,
    next_after: isMore ? (page.at(-1)?.offset ?? null) : null,
  }
}

export function newestAlert({ pipeline }: Pick<Stores, 'pipeline'>): AlertsState {
  const { start = 0, end = 0 } = pipeline?.log.ends(ALERTS)[PARTITION] ?? {}
  return { total: end - start, newest: end > start ? end - 1 : null, log: pipeline?.log.id ?? null }
}

function* newestFirst({ pipeline }: Stores): Generator<AlertShown> {
  for (const batch of pipeline?.log.batchesBackwards(ALERTS, PARTITION) ?? []) {
    if (batch.fault !== undefined) continue
    for (const record of batch.records().toReversed()) {
      const { partition, offset, appendedAt } = record
      yield { partition, offset, appended_at: isoOf(appendedAt), alert: alertOf(record) }
    }
  }
}

const checkAlert = Compile(Alert)

/** What is no whole alert is one all the same, and says what it can: nobody's warning is left out for its form. */
function alertOf({ partition, offset, value, appendedAt }: LogRecord): Alert {
  const said = jsonOf(value)
  if (checkAlert.Check(said) && parseTimestamp(said.raised_at) !== undefined) return said
  const fields = typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  const text = (name: string, fallback: string) => (typeof fields[name] === 'string' && fields[name] !== '' ? fields[name] : fallback)
  const kind = text('kind', 'unknown')
  return {
    ...fields,
    alert_id: text('alert_id', `${ALERTS}-${partition}-${offset}`),
    kind,
    severity: ALERT_SEVERITIES.find((each) => each === fields['severity']) ?? 'info',
    title: text('title', kind),
    detail: text('detail', ''),
    raised_at: parseTimestamp(text('raised_at', '')) === undefined ? isoOf(appendedAt) : text('raised_at', ''),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
