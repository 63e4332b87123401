import { count, percent, rupeesOf } from '../../model/format.ts'
import { numberIn, type ReportRow } from './use-report.ts'

const DISHES_COUNT = 12

/** By revenue, a bar each. */
export function TopDishes({ rows }: { rows: readonly ReportRow[] }) {
  const sold = rows.filter((row) => numberIn(row, 'total_orders') > 0).slice(0, DISHES_COUNT)
  const most = Math.max(1, ...sold.map((row) => numberIn(row, 'total_revenue')))
  if (sold.length === 0) return <p className="p-3 text-muted">Nothing was ordered on these days.</p>
  return (
    <ol className="grid gap-x-8 gap-y-2 p-3 lg:grid-cols-2">
      {sold.map((row, at) => (
        <li key={String(row['item_id'])} className="min-w-0">
          <div className="flex items-baseline justify-between gap-3">
            <span className="flex min-w-0 items-baseline gap-2">
              <span className="num w-4 shrink-0 text-right text-2xs text-muted">{at + 1}</span>
              <span className="truncate font-medium">{row['item_name'] ?? `item ${row['item_id']}`}</span>
              {row['category'] && <span className="hidden text-2xs text-muted sm:inline">{row['category']}</span>}
            </span>
            <span className="num shrink-0 whitespace-nowrap">
              <strong>{rupeesOf(numberIn(row, 'total_revenue'))}</strong>{' '}
              <span className="text-2xs text-muted">
                {count(numberIn(row, 'total_orders'))} orders · {percent(numberIn(row, 'revenue_share'))}
              </span>
            </span>
          </div>
          <div aria-hidden className="mt-1 ml-6 h-1.5 rounded-xs bg-raised">
            <div className="h-full rounded-xs bg-accent" style={{ width: `${(100 * numberIn(row, 'total_revenue')) / most}%` }} />
          </div>
        </li>
      ))}
    </ol>
  )
}
