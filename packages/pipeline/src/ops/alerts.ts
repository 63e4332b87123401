import { ALERT_SEVERITIES, ALERTS, Alert, Compile, isoOf, parseTimestamp, type AlertSeverity, type AlertState } from '@flowguard/contract'
import { alertOfRow, changedAt, openByKind, rowsWhere, type AlertRow } from '../alerts/rows.ts'
import { jsonOf } from '../kernel/json.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { Stores } from './stores.ts'

export const PAGE_COUNT_MAX = 500
/** All alerts lie in one partition: so their order is that of their offsets. */
const PARTITION = 0

export interface AlertFilter {
  kind?: string | undefined
  severity?: AlertSeverity | undefined
  /** What is told once and does not end has none. */
  state?: AlertState | undefined
}

export interface AlertShown {
  /** Where its newest record lies in `alerts.v1`; null where the topic keeps none of them any more. */
  place: { partition: number; offset: number; appended_at: string } | null
  /** All that it says, as it is now: what every alert says, and its kind's own fields. */
  alert: Alert
  /** When an operator has said that somebody sees to it; null where nobody has. */
  acknowledged_at: string | null
  /** What an operator wrote. */
  note: string | null
}

export interface AlertsPage {
  /** Alerts that fit the filter: each once, however often it was told. */
  total: number
  /** Open now, whatever the filter. */
  open: number
  /** How many are kept of each kind and severity, whatever the filter; the most frequent first. */
  groups: { kind: string; severity: AlertSeverity; count: number }[]
  /** What was told last is the first. */
  alerts: AlertShown[]
  /** The `after` of the next page. */
  next_after: number | null
}

/** What there is of alerts, without reading one: cheap enough for each second. */
export interface AlertsState {
  /** Records kept. */
  total: number
  /** Where the newest one lies; null where there is none. Offsets of another `log` say nothing. */
  newest: number | null
  log: string | null
  open: number
  /** Another number once anything is another in the book: an alert grew, somebody saw to it. */
  changed: number | null
}

/** Alerts, the newest first. `after` is a page's `next_after`. */
export async function alerts(
  stores: Stores,
  filter: AlertFilter,
  { after, limit }: { after: number | undefined; limit: number },
): Promise<AlertsPage> {
  const groups = new Map<string, AlertsPage['groups'][number]>()
  const page: AlertShown[] = []
  const rows = bookOf(stores)
  let [total, isMore] = [0, false]
  for await (const shown of allOnce(stores, rows)) {
    const { kind, severity, state } = shown.alert
    const name = `${severity} ${kind}`
    const group = groups.get(name) ?? { kind, severity, count: 0 }
    groups.set(name, group)
    group.count += 1
    if ((filter.kind ?? kind) !== kind || (filter.severity ?? severity) !== severity || (filter.state ?? state) !== state) continue
    total += 1
    if (after !== undefined && (shown.place?.offset ?? Infinity) >= after) continue
    if (page.length < limit) page.push(shown)
    else isMore = true
  }
  return {
    total,
    open: [...rows.values()].filter(({ state }) => state === 'open').length,
    groups: [...groups.values()].sort((a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1)),
    alerts: page,
    next_after: isMore ? (page.at(-1)?.place?.offset ?? null) : null,
  }
}

/** One alert; undefined where nothing is known of it. */
export async function alert(stores: Stores, id: string): Promise<AlertShown | undefined> {
  const rows = bookOf(stores)
  for await (const shown of allOnce(stores, rows)) if (shown.alert.alert_id === id) return shown
  return undefined
}

export function newestAlert({ pipeline }: Pick<Stores, 'pipeline'>): AlertsState {
  const { start = 0, end = 0 } = pipeline?.log.endsNow(ALERTS)[PARTITION] ?? {}
  return {
    total: end - start,
    newest: end > start ? end - 1 : null,
    log: pipeline?.log.id ?? null,
    open: pipeline ? openByKind(pipeline.db).reduce((sum, { count }) => sum + count, 0) : 0,
    changed: pipeline ? changedAt(pipeline.db) : null,
  }
}

const bookOf = ({ pipeline }: Pick<Stores, 'pipeline'>): ReadonlyMap<string, AlertRow> =>
  new Map(pipeline ? rowsWhere(pipeline.db, 'true order by seq')().map((row) => [row.alertId, row]) : [])

/** Every alert once, by its newest record, as the book has it now; first those that are open, and of which the topic keeps no record any more. */
async function* allOnce(stores: Stores, rows: ReadonlyMap<string, AlertRow>): AsyncGenerator<AlertShown> {
  const told = new Map<string, AlertShown>()
  for await (const each of newestFirst(stores)) {
    const id = each.alert.alert_id
    if (told.has(id)) continue
    const row = rows.get(id)
    told.set(id, row ? asBooked(row, each) : each)
  }
  for (const row of [...rows.values()].toReversed()) if (row.state === 'open' && !told.has(row.alertId)) yield asBooked(row)
  yield* told.values()
}

function asBooked(row: AlertRow, told?: AlertShown): AlertShown {
  return {
    place: told?.place ?? null,
    alert: { ...told?.alert, ...alertOfRow(row) },
    acknowledged_at: row.acknowledgedAt === null ? null : isoOf(row.acknowledgedAt),
    note: row.note,
  }
}

async function* newestFirst({ pipeline }: Stores): AsyncGenerator<AlertShown> {
  for await (const batch of pipeline?.log.batchesBackwards(ALERTS, PARTITION) ?? []) {
    if (batch.fault !== undefined) continue
    for (const record of batch.records().toReversed()) {
      const { partition, offset, appendedAt } = record
      yield { place: { partition, offset, appended_at: isoOf(appendedAt) }, alert: alertOf(record), acknowledged_at: null, note: null }
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
