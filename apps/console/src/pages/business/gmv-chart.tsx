import { useState } from 'react'
import type { Fresh } from 'flowguard/answers'
import { briefMoney, count, money, rupeesOf } from '../../model/format.ts'
import { bucketsOf, shortDay, spanText, type Range } from '../../model/days.ts'
import { sumOf, type ReportRow } from './use-report.ts'

/** Revenue and orders, a bar a day; each of the two with a scale of its own. */
export function GmvChart({ rows, range, behind }: { rows: readonly ReportRow[]; range: Range; behind: Fresh['behind'] }) {
  const [pointed, setPointed] = useState<number>()
  const bars = bucketsOf(range).map((bucket) => {
    const within = rows.filter(({ date }) => String(date) >= bucket.from && String(date) <= bucket.to)
    const isBehind = behind !== null && bucket.from <= behind.to && bucket.to >= behind.from
    return {
      ...bucket,
      isBehind,
      revenue: sumOf(within, 'total_revenue'),
      orders: sumOf(within, 'order_count'),
      isKnown: within.length > 0,
    }
  })
  const [revenueMax, ordersMax] = [niceMax(bars.map(({ revenue }) => revenue)), niceMax(bars.map(({ orders }) => orders))]
  const shown = pointed === undefined ? undefined : bars[pointed]
  const size = bars[0]?.days ?? 1
  const best = bars.reduce((most, bar) => (bar.revenue > most.revenue ? bar : most), bars[0]!)
  const label = `Revenue and orders, ${spanText(range)}: ${rupeesOf(sumOf(rows, 'total_revenue'))} by ${count(sumOf(rows, 'order_count'))} orders; the most, ${rupeesOf(best.revenue)}, on ${spanText(best)}`
  return (
    <div className="p-3">
      <p className="num mb-1 h-5 truncate text-muted">
        {shown ? (
          <>
            <strong className="text-ink">{spanText(shown)}</strong>{' '}
            {shown.isKnown ? `${money(shown.revenue)} · ${count(shown.orders)} orders` : 'no orders in gold'}
          </>
        ) : size === 1 ? (
          'A bar a day'
        ) : (
          `A bar for ${size} days`
        )}
        {!shown && behind && '; hatched where newer events are to come'}
      </p>
      <div role="img" aria-label={label} className="flex flex-col gap-2" onMouseLeave={() => setPointed(undefined)}>
        <Bars
          title="GMV"
          max={revenueMax}
          scale={briefMoney}
          bars={bars.map(({ revenue, isBehind }) => ({ value: revenue, isBehind }))}
          {...{ pointed, setPointed }}
          className="h-44"
          colour="bg-accent"
        />
        <Bars
          title="orders"
          max={ordersMax}
          scale={count}
          bars={bars.map(({ orders, isBehind }) => ({ value: orders, isBehind }))}
          {...{ pointed, setPointed }}
          className="h-18"
          colour="bg-good"
        />
        <div aria-hidden className={`num ml-12 flex text-2xs text-muted ${bars.length === 1 ? 'justify-center' : 'justify-between'}`}>
          {[...new Set([0, Math.floor((bars.length - 1) / 2), bars.length - 1])].map((at) => (
            <span key={at}>{shortDay(bars[at]!.from)}</span>
          ))}
        </div>
      </div>
    </div>
  )
}

interface BarsProps {
  title: string
  max: number
  scale: (value: number) => string
  bars: readonly { value: number; isBehind: boolean }[]
  pointed: number | undefined
  setPointed: (at: number) => void
  className: string
  colour: string
}

function Bars({ title, max, scale, bars, pointed, setPointed, className, colour }: BarsProps) {
  return (
    <div aria-hidden className={`flex ${className}`}>
      <div className="num flex w-12 shrink-0 flex-col justify-between pr-1.5 text-right text-2xs leading-none text-muted">
        <span>{scale(max)}</span>
        <span>{title}</span>
        <span>0</span>
      </div>
      <div className="relative flex min-w-0 flex-1 border-b border-edge">
        <span className="absolute inset-x-0 top-0 border-t border-dashed border-line" />
        <span className="absolute inset-x-0 top-1/2 border-t border-dashed border-line" />
        {bars.map(({ value, isBehind }, at) => (
          <span
            key={at}
            className={`relative flex min-w-0 flex-1 items-end justify-center ${pointed === at ? 'bg-hover' : ''}`}
            onMouseEnter={() => setPointed(at)}
          >
            <span
              className={`w-[76%] max-w-10 rounded-t-xs ${colour} ${isBehind ? 'hatched' : ''} ${pointed === undefined || pointed === at ? '' : 'opacity-45'}`}
              style={{ height: value > 0 ? `max(2px, ${(100 * value) / max}%)` : 0 }}
            />
          </span>
        ))}
      </div>
    </div>
  )
}

/** A round figure that all are under. */
function niceMax(values: readonly number[]): number {
  const most = Math.max(1, ...values)
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((step) => step * power).find((step) => step >= most) ?? most
}
