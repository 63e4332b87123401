import type { ChargeKind, LiveState } from 'flowguard/answers'
import { sumOfRates, type PartId } from '../../model/figures.ts'

export const NODE = { width: 208, height: 124 }

type Spot = readonly [column: number, row: number]

interface Layout {
  spots: Readonly<Record<PartId, Spot>>
  step: { x: number; y: number }
}

/** Data goes from left to right, as in ARCHITECTURE's picture. */
const WIDE: Layout = {
  spots: {
    gateway: [0, 1.5],
    database: [1, 0.4],
    log: [1, 1.9],
    stream: [2, 0],
    billing: [2, 1],
    workers: [2, 2],
    loader: [2, 3],
    attributed: [3, 0],
    dead: [3, 2.3],
    'billing-orders': [4, 0],
    ledger: [4, 0.95],
    alerts: [4, 1.8],
    etl: [4, 3],
  },
  step: { x: 244, y: 172 },
}

/** On a phone it goes down. */
const NARROW: Layout = {
  spots: {
    gateway: [0, 0],
    database: [1, 0.5],
    log: [0, 1.2],
    stream: [1, 1.7],
    billing: [0, 2.6],
    attributed: [1, 2.8],
    ledger: [0, 3.8],
    'billing-orders': [1, 3.9],
    workers: [0, 5],
    alerts: [1, 5],
    dead: [1, 6],
    loader: [0, 6.2],
    etl: [1, 7],
  },
  step: { x: 236, y: 156 },
}

export interface Link {
  from: PartId
  to: PartId
  /** Records a second on it; null where nobody counts them. */
  rate: (state: LiveState) => number | null
}

const topic = (name: string) => (state: LiveState) => state.topic_rates[name] ?? null
const reader = (name: string) => (state: LiveState) => state.reader_rates[name] ?? null
const buried = (name: string) => (state: LiveState) => state.dead_rates[name] ?? null
const charged =
  (...kinds: readonly ChargeKind[]) =>
  (state: LiveState) =>
    sumOfRates(kinds.map((kind) => state.charge_rates[kind]))
const unknown = () => null

export const LINKS: readonly Link[] = [
  { from: 'gateway', to: 'database', rate: topic('raw.orders.v1') },
  { from: 'gateway', to: 'log', rate: (state) => sumOfRates([state.topic_rates['raw.clicks.v1'], state.topic_rates['raw.events.v1']]) },
  { from: 'database', to: 'log', rate: topic('raw.orders.v1') },
  { from: 'log', to: 'stream', rate: reader('stream') },
  { from: 'log', to: 'billing', rate: reader('billing') },
  { from: 'log', to: 'workers', rate: reader('workers') },
  { from: 'log', to: 'loader', rate: reader('loader') },
  { from: 'stream', to: 'attributed', rate: topic('attributed.events.v1') },
  { from: 'attributed', to: 'billing-orders', rate: reader('billing-orders') },
  { from: 'attributed', to: 'loader', rate: unknown },
  // Either may credit, and the books do not say which of them did.
  { from: 'billing', to: 'ledger', rate: charged('cpm', 'cpc') },
  { from: 'billing-orders', to: 'ledger', rate: charged('cpa') },
  { from: 'billing', to: 'alerts', rate: unknown },
  { from: 'stream', to: 'dead', rate: buried('stream') },
  { from: 'billing', to: 'dead', rate: buried('billing') },
  { from: 'workers', to: 'dead', rate: buried('workers') },
  { from: 'loader', to: 'etl', rate: reader('loader') },
]

/** In one column and further apart than this, there is something between. */
const APART_ROWS = 1.5

/** Where each part is drawn, and from which of its sides its lines go. */
export function placed(isNarrow: boolean) {
  const { spots, step } = isNarrow ? NARROW : WIDE
  const position = (id: PartId) => ({ x: spots[id][0] * step.x, y: spots[id][1] * step.y })
  /** Lines go sideways between columns, else down or up; and around what is between. */
  const sides = ({ from, to }: Link) => {
    const [a, b] = [spots[from], spots[to]]
    if (a[0] !== b[0]) return a[0] < b[0] ? (['right', 'left'] as const) : (['left', 'right'] as const)
    if (Math.abs(a[1] - b[1]) > APART_ROWS) return a[0] === 0 ? (['left', 'left'] as const) : (['right', 'right'] as const)
    return a[1] < b[1] ? (['bottom', 'top'] as const) : (['top', 'bottom'] as const)
  }
  return { position, sides }
}

/** On which side there is room for more about a part: where it is not. */
export const isOnTheRight = (id: PartId): boolean => WIDE.spots[id][0] > 2
