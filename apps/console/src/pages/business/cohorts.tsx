import { count, percent } from '../../model/format.ts'
import { numberIn, type ReportRow } from './use-report.ts'

const month = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric', timeZone: 'UTC' })
/** Up to here ink is read on the shade, beyond it what is read on the accent: between the two shades neither would be. */
const DARK_FROM = 0.5
const shadeOf = (part: number) => (part > DARK_FROM ? 70 + 30 * part : 6 + 60 * part)

/** Of those who first ordered in a month: how many ordered again in each month since. */
export function Cohorts({ rows }: { rows: readonly ReportRow[] }) {
  const cohorts = Map.groupBy(rows, (row) => String(row['cohort_month']))
  const last = Math.max(...rows.map((row) => numberIn(row, 'months_since')))
  const months = Array.from({ length: last + 1 }, (_, at) => at)
  return (
    <div className="p-3">
      <div role="group" aria-label="Retention by cohort" tabIndex={0} className="relative overflow-x-auto">
        <table className="w-full border-separate border-spacing-0.5 text-2xs">
          <thead>
            <tr className="text-left text-muted">
              <th scope="col" className="pr-2 font-medium whitespace-nowrap">
                first ordered in
              </th>
              <th scope="col" className="pr-2 text-right font-medium">
                customers
              </th>
              {months.map((at) => (
                <th key={at} scope="col" className="text-center font-medium">
                  {at === 0 ? '0' : `+${at}`}
                  <span className="sr-only"> months</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...cohorts].map(([cohort, cells]) => (
              <tr key={cohort}>
                <th scope="row" className="pr-2 text-left font-normal whitespace-nowrap">
                  {month.format(Date.parse(`${cohort}-01`))}
                </th>
                <td className="num pr-2 text-right">{count(numberIn(cells[0], 'users'))}</td>
                {months.map((at) => (
                  <Cell key={at} row={cells.find((row) => numberIn(row, 'months_since') === at)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="mt-1.5 text-2xs text-muted">In italics: a month that is not whole yet.</p>
    </div>
  )
}

function Cell({ row }: { row: ReportRow | undefined }) {
  if (!row) return <td />
  const retention = numberIn(row, 'retention')
  const isWhole = row['is_whole'] === true
  // The first month is all of them: a shade would say nothing.
  const isFirst = numberIn(row, 'months_since') === 0
  const part = isFirst ? 0 : retention
  return (
    <td
      title={`${count(numberIn(row, 'active_users'))} of ${count(numberIn(row, 'users'))} ordered${isWhole ? '' : ', so far'}`}
      className={`num h-6 min-w-10 rounded-xs bg-raised text-center ${isWhole ? '' : 'italic'} ${part > DARK_FROM ? 'text-on-accent' : ''}`}
      style={
        part > 0 ? { background: `color-mix(in oklab, var(--color-accent) ${Math.round(shadeOf(part))}%, var(--color-panel))` } : undefined
      }
    >
      {percent(retention)}
    </td>
  )
}
