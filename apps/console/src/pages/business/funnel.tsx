import { count, percent } from '../../model/format.ts'
import { bucketsOf, spanText, type Range } from '../../model/days.ts'
import { sumOf, type ReportRow } from './use-report.ts'

const STEPS = [
  { name: 'Impressions', column: 'total_impressions' },
  { name: 'Clicks', column: 'total_clicks', rate: 'CTR' },
  { name: 'Attributed orders', column: 'attributed_orders', rate: 'CVR' },
] as const

/** From being shown to being ordered: each step by the one before, and day by day. */
export function Funnel({ rows, range }: { rows: readonly ReportRow[]; range: Range }) {
  const totals = STEPS.map(({ column }) => sumOf(rows, column))
  const buckets = bucketsOf(range)
  const byDay = (column: string) =>
    buckets.map(({ from, to }) =>
      sumOf(
        rows.filter(({ date }) => String(date) >= from && String(date) <= to),
        column,
      ),
    )
  const [sessions, orders] = [sumOf(rows, 'total_sessions'), sumOf(rows, 'total_orders')]
  return (
    <div className="flex flex-col gap-3 p-3">
      <ol className="flex flex-col gap-3">
        {STEPS.map((step, at) => {
          const total = totals[at]!
          return (
            <li key={step.column}>
              <div className="flex items-baseline justify-between gap-2">
                <span>
                  {step.name}{' '}
                  {'rate' in step && (
                    <span className="num text-muted">
                      {step.rate} {percent(totals[at - 1] ? total / totals[at - 1]! : 0)}
                    </span>
                  )}
                </span>
                <strong className="num">{count(total)}</strong>
              </div>
              <div aria-hidden className="my-1 h-2.5 rounded-xs bg-raised">
                <div
                  className="h-full rounded-xs bg-accent"
                  style={{ width: total > 0 ? `max(2px, ${(100 * total) / Math.max(1, ...totals)}%)` : 0 }}
                />
              </div>
              {buckets.length > 1 && <Spark label={`${step.name} by day, ${spanText(range)}`} values={byDay(step.column)} />}
            </li>
          )
        })}
      </ol>
      <dl className="grid grid-cols-3 gap-2 border-t border-line pt-2">
        {[
          ['Sessions', count(sessions)],
          ['Clicks a session', sessions > 0 ? (totals[1]! / sessions).toFixed(2) : '–'],
          ['Orders a session', sessions > 0 ? (orders / sessions).toFixed(2) : '–'],
        ].map(([name, value]) => (
          <div key={name}>
            <dt className="text-2xs text-muted">{name}</dt>
            <dd className="num font-medium">{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}

/** On a scale of its own: for the shape. */
function Spark({ label, values }: { label: string; values: readonly number[] }) {
  const most = Math.max(1, ...values)
  return (
    <div
      role="img"
      aria-label={`${label}: from ${count(Math.min(...values))} to ${count(Math.max(...values))}`}
      className="flex h-7 items-end gap-px"
    >
      {values.map((value, at) => (
        <span
          key={at}
          className="min-w-0 flex-1 rounded-t-[1px] bg-accent opacity-50"
          style={{ height: value > 0 ? `max(1px, ${(100 * value) / most}%)` : 0 }}
        />
      ))}
    </div>
  )
}
