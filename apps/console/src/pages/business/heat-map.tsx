import { useState } from 'react'
import { count, rupeesOf } from '../../model/format.ts'
import { WEEKDAYS } from '../../model/days.ts'
import { numberIn, type ReportRow } from './use-report.ts'

const HOURS = Array.from({ length: 24 }, (_, hour) => hour)
const hourText = (hour: number) => `${String(hour).padStart(2, '0')}:00`

/** Orders a day by weekday and hour: the darker, the more. */
export function HeatMap({ rows }: { rows: readonly ReportRow[] }) {
  const [pointed, setPointed] = useState<readonly [weekday: number, hour: number]>()
  const cells = new Map(rows.map((row) => [`${row['weekday']} ${row['hour_of_day']}`, row]))
  const most = Math.max(...rows.map((row) => numberIn(row, 'orders_a_day')))
  const peak = rows.find((row) => numberIn(row, 'orders_a_day') === most)
  const textOf = (row: ReportRow) =>
    `${WEEKDAYS[numberIn(row, 'weekday') - 1]} ${hourText(numberIn(row, 'hour_of_day'))} UTC: ${numberIn(row, 'orders_a_day').toFixed(1)} orders a day`
  const shown = pointed && cells.get(pointed.join(' '))
  return (
    <div className="p-3">
      <p className="num mb-1.5 h-5 truncate text-muted">
        {pointed === undefined ? (
          peak && `Most at ${textOf(peak)}`
        ) : shown ? (
          <>
            <strong className="text-ink">{textOf(shown)}</strong> · {count(numberIn(shown, 'order_count'))} in all ·{' '}
            {rupeesOf(numberIn(shown, 'total_revenue'))}
          </>
        ) : (
          `${WEEKDAYS[pointed[0] - 1]} ${hourText(pointed[1])} UTC: no orders`
        )}
      </p>
      <div
        role="img"
        aria-label={`Orders by weekday and hour, UTC${peak ? `; most at ${textOf(peak)}` : ''}`}
        className="grid grid-cols-[2rem_repeat(24,minmax(0,1fr))] gap-0.5 text-2xs"
        onMouseLeave={() => setPointed(undefined)}
      >
        {WEEKDAYS.map((name, at) => [
          <span key={name} className="self-center text-muted">
            {name.slice(0, 3)}
          </span>,
          ...HOURS.map((hour) => {
            const value = numberIn(cells.get(`${at + 1} ${hour}`), 'orders_a_day')
            return (
              <span
                key={`${name} ${hour}`}
                className="h-6 rounded-xs bg-raised hover:outline-2 hover:outline-ink"
                style={value > 0 ? { background: shade(value / most) } : undefined}
                onMouseEnter={() => setPointed([at + 1, hour])}
              />
            )
          }),
        ])}
        <span />
        {HOURS.map((hour) => (
          <span key={hour} className="num text-center text-muted">
            {hour % 3 === 0 ? hour : ''}
          </span>
        ))}
      </div>
    </div>
  )
}

/** From faint to full, `part` of the most: by its root, so that one busy hour does not pale all others, and the least can be told from nothing. */
const shade = (part: number): string =>
  `color-mix(in oklab, var(--color-accent) ${Math.round(8 + 92 * Math.sqrt(part))}%, var(--color-raised))`
