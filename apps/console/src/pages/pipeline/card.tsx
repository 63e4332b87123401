import { history } from '../../api/live.ts'
import { rate } from '../../model/format.ts'
import type { PartId } from '../../model/figures.ts'
import type { Part } from '../../model/parts.ts'
import { useStore } from '../../state/store.ts'
import { Dot } from '../../ui/basics.tsx'

const SPARK = { width: 64, height: 22, samples: 60, samplesMin: 15 }
const EDGES = { good: 'border-line', idle: 'border-line', busy: 'border-warn', bad: 'border-bad' } as const

export function PartCard({ part, isChosen, onChoose }: { part: Part; isChosen: boolean; onChoose: (id: PartId) => void }) {
  const { id, title, status, state, lag, note, faults } = part
  return (
    <button
      type="button"
      aria-pressed={isChosen}
      onClick={() => onChoose(id)}
      className={`nodrag nopan pointer-events-auto flex size-full flex-col rounded-lg border bg-panel px-3 py-2 text-left hover:border-accent ${EDGES[status]} ${isChosen ? 'ring-2 ring-accent' : ''}`}
    >
      <span className="flex items-center gap-2 text-[15px] font-semibold">
        <Dot status={status} />
        {title}
        <span className="sr-only">{state}</span>
      </span>
      <span className="flex items-end justify-between gap-2">
        <span className="num text-2xl leading-8 font-semibold tracking-tight">
          {rate(part.rate)}
          {part.rate !== null && <span className="ml-1 text-xs font-normal tracking-normal text-muted">/s</span>}
        </span>
        <Spark id={id} />
      </span>
      <span className="num truncate text-xs text-muted">
        {faults[0] ? <span className="text-bad">{faults[0]}</span> : (lag?.text ?? ' ')}
      </span>
      <span className="num truncate text-muted">{note}</span>
    </button>
  )
}

/** The last minute's rate. */
function Spark({ id }: { id: PartId }) {
  const samples = (useStore(history).get(id) ?? []).slice(-SPARK.samples)
  const rates = samples.flatMap((sample) => sample.rate ?? [])
  const top = Math.max(1, ...rates)
  // Until there is a minute of it, what there is takes the room.
  const span = Math.max(SPARK.samplesMin, rates.length) - 1
  const x = (at: number) => SPARK.width - ((rates.length - 1 - at) * SPARK.width) / span
  const points = rates.map((value, at) => `${x(at).toFixed(1)},${(SPARK.height - 1 - (value / top) * (SPARK.height - 3)).toFixed(1)}`)
  return (
    <svg aria-hidden width={SPARK.width} height={SPARK.height} className="mb-1 shrink-0 text-accent">
      {points.length > 1 && (
        <polyline points={points.join(' ')} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" />
      )}
    </svg>
  )
}
