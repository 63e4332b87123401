import { Link } from 'wouter'
import { history, liveState } from '../../api/live.ts'
import { count, rate } from '../../model/format.ts'
import type { Part } from '../../model/parts.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Facts } from '../../ui/basics.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Chart } from './chart.tsx'

const TONES = { good: 'good', idle: 'plain', busy: 'warn', bad: 'bad' } as const

/** One part: what it does, how it did these last minutes, and where to look further. */
export function Detail({ part, onClose, className }: { part: Part; onClose: () => void; className: string }) {
  const samples = useStore(history).get(part.id) ?? []
  const at = samples.map((sample) => sample.at)
  return (
    <Aside title={part.title} onClose={onClose} className={className}>
      <div className="flex flex-col gap-4 p-3">
        <div className="flex flex-col gap-2">
          <div>
            <Badge tone={TONES[part.status]}>{part.state}</Badge>
          </div>
          <p className="text-muted">{part.about}</p>
          {part.faults.map((fault) => (
            <p key={fault} className="rounded-md bg-bad-soft px-2 py-1 text-bad">
              {fault}
            </p>
          ))}
        </div>
        <figure>
          <figcaption className="flex justify-between pb-1 text-xs text-muted">
            Records a second <span className="num text-ink">{rate(part.rate)}</span>
          </figcaption>
          <Chart
            label={`Records a second, these last minutes; now ${rate(part.rate)}`}
            at={at}
            values={samples.map((sample) => sample.rate)}
          />
        </figure>
        {part.lag && (
          <figure>
            <figcaption className="flex justify-between pb-1 text-xs text-muted">
              Waiting <span className="num text-ink">{part.lag.text}</span>
            </figcaption>
            <Chart label={`Waiting, these last minutes; now ${part.lag.text}`} at={at} values={samples.map((sample) => sample.lag)} />
          </figure>
        )}
        {part.figures.length > 0 && <Facts of={part.figures} />}
        {part.reader !== undefined && <Lags reader={part.reader} />}
        <nav aria-label="Further" className="flex flex-col gap-1">
          {part.links.map(([name, to]) => (
            <Link key={to} href={to} className="text-accent underline underline-offset-2">
              {name}
            </Link>
          ))}
        </nav>
      </div>
    </Aside>
  )
}

/** How far behind it is, topic by topic. */
function Lags({ reader }: { reader: string }) {
  const partitions = useStore(liveState)?.readers.find(({ name }) => name === reader)?.partitions ?? []
  const topics = [...new Set(partitions.map(({ topic }) => topic))]
  const behind = (topic: string) => partitions.filter((each) => each.topic === topic).reduce((sum, { lag }) => sum + lag, 0)
  return (
    <div>
      <h3 className="pb-1 text-xs text-muted">Behind, by topic</h3>
      <Facts of={topics.map((topic) => [topic, count(behind(topic))] as const)} />
    </div>
  )
}
