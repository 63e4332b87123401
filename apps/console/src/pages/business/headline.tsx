import type { Figures } from 'flowguard/answers'
import { count, money, percent, rupeesOf } from '../../model/format.ts'
import { spanText, type Range } from './range.ts'

interface Headline {
  name: string
  of: (totals: Figures['totals']) => number
  show: (value: number) => string
  /** A rate's change is told in points. */
  isRate?: boolean
  /** Grows with the days: not to be set against a day that is over while this one is not. */
  isSum?: boolean
}

const average = ({ revenue, orders }: Figures['totals']) => (orders === 0 ? 0 : revenue / orders)

const HEADLINES: readonly Headline[] = [
  { name: 'GMV', of: ({ revenue }) => revenue, show: rupeesOf, isSum: true },
  { name: 'Orders', of: ({ orders }) => orders, show: count, isSum: true },
  { name: 'Average order', of: average, show: money },
  { name: 'CTR', of: ({ ctr }) => ctr, show: percent, isRate: true },
  { name: 'CVR', of: ({ cvr }) => cvr, show: percent, isRate: true },
]

/** The few figures that one looks at first; as they stand, against as many days before. */
export function Headlines({ totals, before, range }: { totals: Figures['totals']; before: Figures['totals'] | undefined; range: Range }) {
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-5">
      {HEADLINES.map((headline) => (
        <div key={headline.name} className="panel flex flex-col px-3 py-2.5 first:col-span-2 lg:first:col-span-1">
          <dt className="text-muted">{headline.name}</dt>
          <dd className="num text-lg leading-7 font-semibold tracking-tight">{headline.show(headline.of(totals))}</dd>
          <dd className="text-2xs text-muted">{before ? <Change {...headline} now={totals} before={before} range={range} /> : ' '}</dd>
        </div>
      ))}
    </dl>
  )
}

function Change({
  of,
  show,
  isRate,
  isSum,
  now,
  before,
  range,
}: Headline & { now: Figures['totals']; before: Figures['totals']; range: Range }) {
  const [present, past] = [of(now), of(before)]
  const than = range.days === 1 ? 'the day before' : `the ${range.days} days before`
  if (past === 0) return <>nothing in {than}</>
  // A part of a day says nothing against a whole one.
  if (isSum && range.isOpen && range.days === 1)
    return (
      <>
        so far; {show(past)} in all {than}
      </>
    )
  const change = isRate ? (present - past) * 100 : (100 * (present - past)) / past
  const size = `${Math.abs(change).toFixed(1)}${isRate ? ' points' : '%'}`
  const isLevel = Math.abs(change) < 0.05
  return (
    <span title={`${show(past)} in ${spanText(range.before)}`}>
      <span className={`num font-medium ${isLevel ? '' : change > 0 ? 'text-good' : 'text-bad'}`}>
        {isLevel ? 'level' : `${change > 0 ? '▲' : '▼'} ${size}`}
        <span className="sr-only">{isLevel ? '' : change > 0 ? ' more' : ' less'}</span>
      </span>{' '}
      to {than}
    </span>
  )
}
