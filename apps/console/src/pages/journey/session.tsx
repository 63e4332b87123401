import type { JourneySession, SessionStep } from 'flowguard/answers'
import { count, duration, money } from '../../model/format.ts'
import { Badge, Panel, Time } from '../../ui/basics.tsx'

const TONES = { ordered: 'good', clicked: 'accent', viewed: 'plain' } as const
const DOTS = { order: 'border-good bg-good', click: 'border-accent bg-accent', impression: 'border-edge bg-panel' } as const
const NAMES = { order: 'ordered', click: 'clicked', impression: 'was shown' } as const

export function SessionPanel({ session }: { session: JourneySession }) {
  const { started_at, duration_ms, outcome, is_running, impressions, clicks, orders, revenue, events, steps } = session
  const figures = [
    [impressions, 'shown'],
    [clicks, 'clicked'],
    [orders, 'ordered'],
  ] as const
  return (
    <Panel>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-2">
        <h2 className="font-semibold">
          <Time iso={started_at} />
        </h2>
        <span className="text-muted">{duration_ms === 0 ? 'one moment' : duration(duration_ms)}</span>
        <Badge tone={TONES[outcome]}>{outcome}</Badge>
        {is_running && <Badge tone="warn">goes on</Badge>}
        <span className="num ml-auto text-muted">
          {figures.flatMap(([number, name]) => (number > 0 ? [`${count(number)} ${name}`] : [])).join(', ')}
          {orders > 0 && `, ${money(revenue)}`}
        </span>
      </div>
      <ol className="p-3">
        {steps.map((step, at) => (
          <Step key={`${step.ts} ${at}`} step={step} before={steps[at - 1]} isLast={at === steps.length - 1} />
        ))}
      </ol>
      {events > steps.length && (
        <p className="border-t border-line px-3 py-2 text-xs text-muted">And {count(events - steps.length)} events more.</p>
      )}
    </Panel>
  )
}

interface StepProps {
  step: SessionStep
  before: SessionStep | undefined
  isLast: boolean
}

function Step({ step: { ts, event_type: type, item_id: item, attributed }, before, isLast }: StepProps) {
  return (
    <li className="grid grid-cols-[1rem_minmax(0,1fr)] gap-x-3">
      <span aria-hidden className="flex flex-col items-center">
        <span className={`mt-1.5 size-2.5 shrink-0 rounded-full border-2 ${DOTS[type]}`} />
        {!isLast && <span className="w-px flex-1 bg-edge" />}
      </span>
      <p className="flex flex-wrap items-baseline gap-x-3 pb-2">
        <span>
          <span className="font-semibold">{NAMES[type]}</span> {item === null ? 'an ad' : `dish ${item}`}
        </span>
        {attributed && <Badge tone="good">an ad led to it</Badge>}
        <span className="text-xs text-muted">
          <Time iso={new Date(ts).toISOString()} isTimeOnly />
          {before && ts > before.ts && ` (+${duration(ts - before.ts)})`}
        </span>
      </p>
    </li>
  )
}
