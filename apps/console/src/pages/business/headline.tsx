import type { Figures } from 'flowguard/answers'
import { count, money, percent, rupeesOf } from '../../model/format.ts'
import { spanText, type Range } from '../../model/days.ts'

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

interface Props {
  totals: Figures['totals']
  /** Of the days that are over: only these can be set against days before. */
  over: Figures['totals'] | undefined
  before: Figures['totals'] | undefined
  range: Range
}

/** The few figures that one looks at first; as they stand, and how the days that are over did against as many before. */
export function Headlines({ totals, over, before, range }: Props) {
  return (
    <dl className="grid grid-cols-2 gap-3 lg:grid-cols-5">
      {HEADLINES.map((headline) => (
        <div key={headline.name} className="panel flex flex-col px-3 py-2.5 first:col-span-2 lg:first:col-span-1">
          <dt className="flex items-baseline justify-between text-muted">
            {headline.name} <span className="text-2xs text-good">live</span>
          </dt>
          <dd className="num text-lg leading-7 font-semibold tracking-tight">{headline.show(headline.of(totals))}</dd>
          <dd className="text-2xs text-muted">
            {before && range.over === undefined ? (
              <Beside {...headline} now={totals} before={before} />
            ) : before && over && range.over ? (
              <Change {...headline} over={over} before={before} range={range} days={range.over.days} />
            ) : (
              ' '
            )}
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** A part of a day says nothing against a whole one: where it counts up, the two only stand side by side. */
function Beside({ of, show, isRate, isSum, now, before }: Headline & { now: Figures['totals']; before: Figures['totals'] }) {
  const past = of(before)
  if (past === 0) return <>nothing the day before</>
  if (isSum) return <>so far; {show(past)} in all the day before</>
  return <Arrow of={changeOf(of(now), past, isRate)} isRate={isRate} than=" to the day before" title={`${show(past)} the day before`} />
}

type ChangeProps = Headline & { over: Figures['totals']; before: Figures['totals']; range: Range; days: number }

function Change({ of, show, isRate, over, before, range, days }: ChangeProps) {
  const [present, past] = [of(over), of(before)]
  if (past === 0) return <>nothing in {days === 1 ? 'the day before' : `the ${days} days before`}</>
  const than = range.isOpen
    ? `, ${days === 1 ? 'yesterday to the day before' : `${days} whole days to ${days} before`}`
    : ` to ${days === 1 ? 'the day before' : `the ${days} days before`}`
  return (
    <Arrow
      of={changeOf(present, past, isRate)}
      isRate={isRate}
      than={than}
      title={`${show(present)} against ${show(past)} in ${spanText(range.before)}`}
    />
  )
}

const changeOf = (present: number, past: number, isRate = false) => (isRate ? (present - past) * 100 : (100 * (present - past)) / past)

function Arrow({ of: change, isRate = false, than, title }: { of: number; isRate: boolean | undefined; than: string; title: string }) {
  const isLevel = Math.abs(change) < 0.05
  return (
    <span title={title}>
      <span className={`num font-medium ${isLevel ? '' : change > 0 ? 'text-good' : 'text-bad'}`}>
        {isLevel ? 'level' : `${change > 0 ? '▲' : '▼'} ${Math.abs(change).toFixed(1)}${isRate ? ' points' : '%'}`}
        <span className="sr-only">{isLevel ? '' : change > 0 ? ' more' : ' less'}</span>
      </span>
      {than}
    </span>
  )
}
