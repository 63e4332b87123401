import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { Fresh, Report, ReportColumn } from 'flowguard/answers'
import { ago, count, duration, moment, money, percent } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { zone } from '../../state/preferences.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Empty, Failure, Loading, Panel } from '../../ui/basics.tsx'
import { CsvButton } from '../../ui/csv-button.tsx'
import { Segments } from '../../ui/segments.tsx'
import { Table } from '../../ui/table.tsx'
import { WEEKDAYS } from '../../model/days.ts'
import { nothingIn } from './nothing.ts'
import type { ReportAnswer, ReportRow, ReportValue } from './use-report.ts'

const TABLE_ROWS_MAX = 200
const VIEWS = [
  ['chart', 'Chart'],
  ['table', 'Table'],
] as const

interface Props {
  answer: ReportAnswer
  title: string
  children: ReactNode
}

/** A chart of a report: with its table, its CSV, and how fresh it is. */
export function ReportPanel({ answer, title, children }: Props) {
  const { path, report, rows, error, reload } = answer
  const { get, set } = useAddress()
  const name = /reports\/(\w+)/.exec(path)?.[1] ?? ''
  const view = get(name) === 'table' ? 'table' : 'chart'
  return (
    <Panel
      title={title}
      className="flex flex-col"
      actions={
        <span className="flex items-center gap-2">
          <Badge>gold</Badge>
          <CsvButton path={path} of={title} />
          <Segments
            label={`${title}: as`}
            choices={VIEWS}
            chosen={view}
            onChoose={(chosen) => set({ [name]: chosen === 'table' ? 'table' : null }, { replace: true })}
          />
        </span>
      }
    >
      {error && !report ? (
        <Failure error={error} onRetry={reload} />
      ) : !report ? (
        <Loading what={title.toLowerCase()} rows={5} />
      ) : (
        <>
          {rows.length === 0 ? <NoRows report={report} /> : view === 'table' ? <ReportTable report={report} rows={rows} /> : children}
          <Freshness fresh={report.fresh} />
        </>
      )}
    </Panel>
  )
}

function NoRows({ report }: { report: Report }) {
  const { from, to, fresh } = report
  if (!fresh.behind) {
    const { title, detail } = nothingIn(report)
    return <Empty title={title}>{detail}</Empty>
  }
  return (
    <Empty title={`Gold has not been made of ${from === to ? 'this day' : 'these days'} yet`}>
      {from === to ? 'It holds events' : `${fresh.behind.days} of them ${fresh.behind.days === 1 ? 'holds' : 'hold'} events`}.{' '}
      <Link href={linkTo('/etl', { from, to })} className="text-accent underline underline-offset-2">
        Run the ETL for {from === to ? 'it' : 'them'}
      </Link>
      .
    </Empty>
  )
}

/** When gold was made, of what, and what it does not have yet. */
function Freshness({ fresh: { made_at: madeAt, loaded_through: through, behind } }: { fresh: Fresh }) {
  const shownZone = useStore(zone)
  if (madeAt === null) return null
  const now = Date.now()
  const instant = (iso: string) => {
    const { day, time } = moment(iso, shownZone)
    return `${day === moment(new Date(now).toISOString(), shownZone).day ? '' : `${day} `}${time.slice(0, 5)}`
  }
  return (
    <p className="mt-auto border-t border-line px-3 py-1.5 text-2xs text-muted">
      made <time dateTime={madeAt}>{ago(now - Date.parse(madeAt))}</time>
      {through !== null && (
        <>
          {' '}
          from events through <time dateTime={through}>{instant(through)}</time>
        </>
      )}
      {behind && (
        <>
          {' · '}
          <Link href={linkTo('/etl', { from: behind.from, to: behind.to })} className="text-accent underline underline-offset-2">
            {behind.days === 1 ? `${behind.from} has newer events` : `${behind.days} days have newer events`}
          </Link>
        </>
      )}
    </p>
  )
}

function ReportTable({ report: { columns, title, truncated }, rows }: { report: Report; rows: readonly ReportRow[] }) {
  const shown = rows.slice(0, TABLE_ROWS_MAX)
  return (
    <>
      <Table
        label={title}
        className="max-h-96"
        columns={columns.map((column) => ({
          name: column.title,
          isNumber: !['day', 'month', 'text'].includes(column.kind),
          show: (row: ReportRow) => valueText(column, row[column.name] ?? null),
        }))}
        rows={shown}
        keyOf={(row) => JSON.stringify(Object.values(row).slice(0, 3))}
      />
      {(rows.length > shown.length || truncated) && (
        <p className="px-3 py-2 text-muted">
          The first {shown.length} of {truncated && 'over '}
          {count(rows.length)} rows; the CSV has {truncated ? `the first ${count(rows.length)}` : 'all of them'}.
        </p>
      )}
    </>
  )
}

function valueText({ kind, name }: ReportColumn, value: ReportValue): ReactNode {
  if (value === null) return '–'
  if (name === 'item_id' || name === 'hour_of_day') return String(value)
  if (name === 'weekday') return WEEKDAYS[Number(value) - 1]
  if (kind === 'count') return count(Number(value))
  if (kind === 'number') return Number(value).toFixed(2)
  if (kind === 'money') return money(Number(value))
  if (kind === 'rate') return percent(Number(value))
  if (kind === 'percent') return `${Number(value) > 0 ? '+' : ''}${Number(value).toFixed(1)}%`
  if (kind === 'seconds') return duration(Number(value) * 1_000)
  if (kind === 'flag') return value ? 'yes' : 'so far'
  return <span className="num whitespace-nowrap">{String(value)}</span>
}
