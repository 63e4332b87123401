import type { LiveState } from 'flowguard/answers'
import type { PartId } from '../../model/parts.ts'

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
    'billing-orders': [4, 0.5],
    ledger: [4, 1.5],
    dead: [3, 2],
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
    stream: [1, 1.9],
    billing: [0, 2.7],
    attributed: [1, 3],
    'billing-orders': [1, 4.1],
    ledger: [0, 4],
    workers: [0, 5.2],
    dead: [1, 5.5],
    loader: [0, 6.4],
    etl: [1, 6.8],
  },
  step: { x: 232, y: 156 },
}

export interface Link {
  from: PartId
  to: PartId
  /** Records a second on it; null where nobody counts them. */
  rate: (state: LiveState) => number | null
}

const topic = (name: string) => (state: LiveState) => state.topic_rates[name] ?? null
const reader = (name: string) => (state: LiveState) => state.reader_rates[name] ?? null
const unknown = () => null

export const LINKS: readonly Link[] = [
  { from: 'gateway', to: 'database', rate: topic('raw.orders.v1') },
  { from: 'gateway', to: 'log', rate: (state) => sum(topic('raw.clicks.v1')(state), topic('raw.events.v1')(state)) },
  { from: 'database', to: 'log', rate: topic('raw.orders.v1') },
  { from: 'log', to: 'stream', rate: reader('stream') },
  { from: 'log', to: 'billing', rate: reader('billing') },
  { from: 'log', to: 'workers', rate: reader('workers') },
  { from: 'log', to: 'loader', rate: reader('loader') },
  { from: 'stream', to: 'attributed', rate: topic('attributed.events.v1') },
  { from: 'attributed', to: 'billing-orders', rate: reader('billing-orders') },
  { from: 'billing', to: 'ledger', rate: unknown },
  { from: 'billing-orders', to: 'ledger', rate: unknown },
  { from: 'workers', to: 'dead', rate: reader('lane-dead') },
  { from: 'loader', to: 'etl', rate: reader('loader') },
]

const sum = (...rates: (number | null)[]) =>
  rates.reduce<number | null>((total, each) => (each === null ? total : (total ?? 0) + each), null)

/** Where each part is drawn, and from which of its sides its lines go. */
export function placed(isNarrow: boolean) {
  const { spots, step } = isNarrow ? NARROW : WIDE
  const position = (id: PartId) => ({ x: spots[id][0] * step.x, y: spots[id][1] * step.y })
  /** Lines go sideways between columns, else down or up. */
  const sides = ({ from, to }: Link) => {
    const [a, b] = [spots[from], spots[to]]
    if (a[0] !== b[0]) return a[0] < b[0] ? (['right', 'left'] as const) : (['left', 'right'] as const)
    return a[1] < b[1] ? (['bottom', 'top'] as const) : (['top', 'bottom'] as const)
  }
  return { position, sides }
}
