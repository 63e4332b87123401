import type { ReactNode } from 'react'
import { liveState } from '../../api/live.ts'
import { count } from '../../model/format.ts'
import { useStore } from '../../state/store.ts'
import { Age, Time } from '../../ui/basics.tsx'

/** The sums of a page, and how fresh they are. */
export function Figures({ of, asOf }: { of: readonly (readonly [string, ReactNode])[]; asOf: string | null }) {
  const now = useStore(liveState)?.at
  return (
    <div className="panel flex flex-wrap items-end justify-between gap-x-8 gap-y-2 px-3 py-2.5">
      <dl className="flex flex-wrap gap-x-8 gap-y-2">
        {of.map(([name, value]) => (
          <div key={name}>
            <dt className="text-xs text-muted">{name}</dt>
            <dd className="num text-lg leading-6 font-semibold">{value}</dd>
          </div>
        ))}
      </dl>
      <p className="text-xs text-muted">
        {asOf === null ? (
          'Nothing has been charged yet'
        ) : (
          <>
            Charged up to <Time iso={asOf} />, <Age iso={asOf} now={now === undefined ? Date.now() : Date.parse(now)} /> ago
          </>
        )}
      </p>
    </div>
  )
}

interface ChargedProps {
  of: { count: number; amount: number }
  /** As the amounts of its column are shown. */
  show: (amount: number) => string
  isCredit?: boolean
}

/** An amount, and of how many it is. */
export function Charged({ of, show, isCredit = false }: ChargedProps) {
  if (of.count === 0) return <span className="text-muted">–</span>
  return (
    <>
      <span className={isCredit ? 'text-good' : ''}>{show(of.amount)}</span>
      <span className="block text-xs text-muted">{count(of.count)}</span>
    </>
  )
}

/** How much of a whole. Its figures stand beside it. */
export function Bar({ part, whole, isOver = false }: { part: number; whole: number; isOver?: boolean }) {
  const width = `${whole > 0 ? Math.min(100, Math.max(0, (part / whole) * 100)) : 0}%`
  return (
    <span aria-hidden className="block h-1 w-full overflow-hidden rounded bg-raised">
      <span className={`block h-full rounded ${isOver ? 'bg-warn' : 'bg-accent'}`} style={{ width }} />
    </span>
  )
}
