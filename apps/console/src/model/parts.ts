import { brief, count, duration, money, rate } from './format.ts'
import { figuresOf, type Figures, type PartId } from './figures.ts'
import type { LiveState } from 'flowguard/answers'

export type Status = 'good' | 'idle' | 'busy' | 'bad'
export interface Part {
  id: PartId
  title: string
  /** What it is for, in a line. */
  about: string
  status: Status
  /** In words, for whoever does not see the colour. */
  state: string
  /** Records a second; null where that is not known. */
  rate: number | null
  /** What it is behind by. */
  lag: { value: number; text: string } | null
  /** The one figure besides. */
  note: string
  faults: string[]
  figures: readonly (readonly [name: string, value: string])[]
  /** Whose standing by partition it is. */
  reader?: string
  links: readonly (readonly [name: string, to: string])[]
}

const LAG_BUSY_MIN = 2_000
/** So much waits, and nothing was read for the ten seconds that a rate is over. */
const LAG_STUCK_MIN = 100
const OUTBOX_BUSY_MIN = 500
const WATERMARK_MS_BUSY_MIN = 60_000

const STATES: Record<Status, string> = { good: 'working', idle: 'idle', busy: 'behind', bad: 'in trouble' }

type Sketch = Omit<Part, 'state' | 'status' | 'faults' | 'links' | 'figures' | 'rate' | 'lag'> &
  Partial<Pick<Part, 'faults' | 'links' | 'figures'>> & {
    /** How its lag is said. */
    lagText?: string
    isBusy?: boolean
    busyWord?: string
  }

/** The picture of the pipeline, as it is now. */
export function partsOf(state: LiveState): readonly Part[] {
  const figures = figuresOf(state)
  return [...entry(state), ...readers(state), ...results(state)].map((sketch) => finished(sketch, figures[sketch.id]))
}

function finished(
  { isBusy = false, busyWord = STATES.busy, faults = [], links = [], figures = [], lagText = '', ...sketch }: Sketch,
  { rate: perSecond, lag }: Figures,
): Part {
  const status: Status = faults.length > 0 ? 'bad' : isBusy ? 'busy' : (perSecond ?? 0) > 0 ? 'good' : 'idle'
  const told = { rate: perSecond, lag: lag === null ? null : { value: lag, text: lagText } }
  return { ...sketch, ...told, faults, links, figures, status, state: status === 'busy' ? busyWord : STATES[status] }
}

function entry({ gateway, summary, topic_rates: topics }: LiveState): Sketch[] {
  const { write_p50_ms: p50, write_p99_ms: p99 } = gateway
  const latency = p50 === null || p99 === null ? '–' : `${duration(p50)} / ${duration(p99)}`
  return [
    {
      id: 'gateway',
      title: 'Gateway',
      about: 'Takes events in by HTTP, and makes each durable before it answers.',
      lagText: gateway.queue > 0 ? `${count(gateway.queue)} on their way` : 'none waiting',
      note: `p50 / p99 ${latency}`,
      faults: gateway.up
        ? gateway.unwritten > 0
          ? [`${count(gateway.unwritten)} events could not be written since it was started`]
          : []
        : ['it does not answer'],
      figures: [
        ['received since its start', count(gateway.received)],
        ['refused', count(gateway.refused)],
        ['known already', count(gateway.duplicates)],
        ['not written', count(gateway.unwritten)],
        ['durable within, p50 / p99', latency],
      ],
    },
    {
      id: 'database',
      title: 'Orders & outbox',
      about: 'An order and its outbox row are one transaction; the relay ships them to the log.',
      lagText: summary.outbox > 0 ? `${count(summary.outbox)} to be shipped` : 'all shipped',
      note: 'SQLite, flushed each commit',
      isBusy: summary.outbox > OUTBOX_BUSY_MIN,
      figures: [['in the outbox', count(summary.outbox)]],
    },
    {
      id: 'log',
      title: 'Log',
      about: 'The raw topics: all that was accepted, in order, by partition.',
      note: `${brief(summary.events_total)} events`,
      figures: [
        ['events since it began', count(summary.events_total)],
        ...(['raw.orders.v1', 'raw.clicks.v1', 'raw.events.v1'] as const).map(
          (topic) => [topic, `${rate(topics[topic])} a second`] as const,
        ),
      ],
      links: [['Look into the topics', '/topics']],
    },
  ]
}

const READERS = {
  stream: ['stream', 'Stream', 'Attributes each order to the last click that earned it, at the watermark.'],
  billing: ['billing', 'Billing', 'Charges impressions and clicks, once each, without the double ones.'],
  'billing-orders': ['billing-orders', 'Order billing', 'Charges ads that are paid by the attributed order; counts revenue.'],
  workers: ['workers', 'Workers', 'The general lane: purchases, sign-ups, page views; retries what fails.'],
  loader: ['loader', 'Loader', 'Loads every record into bronze, in batches, exactly once.'],
} as const

function readers(state: LiveState): Sketch[] {
  const { summary } = state
  const behindMs = state.watermark_ms === null ? null : Date.parse(state.at) - state.watermark_ms
  return Object.values(READERS).map(([id, title, about]) => {
    const reader = state.readers.find(({ name }) => name === id)
    const tally = reader?.tally
    const lag = reader?.lag ?? 0
    const isStream = id === 'stream'
    return {
      id,
      title,
      about,
      reader: id,
      lagText: lag === 0 ? 'level' : `${count(lag)} behind`,
      note: isStream
        ? behindMs === null
          ? 'no watermark yet'
          : `watermark ${duration(behindMs)} ago`
        : `${brief(tally?.applied ?? 0)} applied`,
      // The loader goes by batches: being some seconds behind is how it works.
      isBusy: (id === 'loader' ? lag > 20 * LAG_BUSY_MIN : lag > LAG_BUSY_MIN) || (isStream && (behindMs ?? 0) > WATERMARK_MS_BUSY_MIN),
      faults:
        lag >= LAG_STUCK_MIN && state.reader_rates[id] === 0
          ? [`nothing was read these ten seconds, and ${count(lag)} records wait: the log of the pipeline says why`]
          : [],
      figures: [
        ...(isStream ? ([['orders waiting for the watermark', count(summary.pending_orders)]] as const) : []),
        ...(['read', 'applied', 'duplicate', 'late', 'skipped', 'dead'] as const).map((key) => [key, count(tally?.[key] ?? 0)] as const),
      ],
      links: [
        ['Its place by partition', `/groups?reader=${id}`] as const,
        ...((tally?.dead ?? 0) > 0 ? [['What it buried', `/dead?reader=${id}`] as const] : []),
      ],
    }
  })
}

const CHARGES = [
  ['cpm', 'by impressions'],
  ['cpc', 'by clicks'],
  ['cpa', 'by orders'],
  ['credit', 'credits'],
] as const

function results({ summary, readers: all, etl, alerts, charge_rates: charges }: LiveState): Sketch[] {
  const share = summary.orders > 0 ? `${((summary.attributed / summary.orders) * 100).toFixed(1)} % due to a click` : 'no orders yet'
  const buried = all.reduce((sum, { tally }) => sum + tally.dead, 0)
  return [
    {
      id: 'attributed',
      title: 'Attributed orders',
      about: 'Every order with the click that it is due to, or none.',
      lagText: summary.pending_orders > 0 ? `${count(summary.pending_orders)} pending` : 'none pending',
      note: share,
      figures: [
        ['orders answered', count(summary.orders)],
        ['due to a click', count(summary.attributed)],
        ['revenue', money(summary.revenue)],
        ['of it attributed', money(summary.attributed_revenue)],
        ['late, left to reconciliation', count(summary.late)],
      ],
      links: [['Browse attributed.events.v1', '/topics?topic=attributed.events.v1']],
    },
    {
      id: 'ledger',
      title: 'Ledger',
      about: 'One row a charge; counters are sums of it, credits rows of their own.',
      note: `${brief(summary.charged.count)} charges`,
      figures: [
        ['charges less credits', count(summary.charged.count)],
        ['charged', money(summary.charged.amount)],
        ...CHARGES.map(([kind, name]) => [`${name} a second`, rate(charges[kind])] as const),
      ],
      links: [['Audit the books', '/audit']],
    },
    {
      id: 'alerts',
      title: 'Alerts',
      about: 'What somebody should know of the moment it happens: a day that passes its ad’s budget.',
      note: alerts.open > 0 ? `${brief(alerts.open)} open` : `${brief(alerts.total)} kept`,
      figures: [
        ['open', count(alerts.open)],
        ['kept', count(alerts.total)],
      ],
      links: [['See them', '/alerts']],
    },
    {
      id: 'dead',
      title: 'Dead letters',
      about: 'What could not be worked off, with its bytes and why; nothing waits for it.',
      lagText: summary.dead > 0 ? `${count(summary.dead)} waiting` : 'none waiting',
      note: `${brief(buried)} in all`,
      isBusy: summary.dead > 0,
      busyWord: `${count(summary.dead)} to be seen to`,
      figures: [
        ['waiting for somebody', count(summary.dead)],
        ['buried in all', count(buried)],
      ],
      links: [['See to them', '/dead']],
    },
    {
      id: 'etl',
      title: 'Warehouse',
      about: 'Bronze as it came; silver flags; gold by day.',
      lagText: etl ? `${etl.days_done} of ${etl.days} days` : 'no run at work',
      note: etl ? `run ${etl.run_id}: ${etl.at || 'beginning'}` : 'DuckDB',
      figures: etl
        ? [
            ['run', String(etl.run_id)],
            ['days done', `${etl.days_done} of ${etl.days}`],
            ['at', etl.at || 'beginning'],
          ]
        : [],
      links: [['Runs and backfills', '/etl']],
    },
  ]
}
