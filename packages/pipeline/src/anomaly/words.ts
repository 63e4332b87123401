import type { AlertSeverity } from '@flowguard/contract'
import type { AnomalySignal } from './detector.ts'
import type { AnomalyRule } from './measures.ts'

/** The subject of all anomalies: they are judged over all items and campaigns. */
export const ALL_TRAFFIC = 'all traffic'
/** Beyond so little or so much of what is usual it cannot wait. */
const CRITICAL_BELOW = 0.5
const CRITICAL_ABOVE = 3

/** An anomaly as the alerts' book takes it. */
export interface AnomalyAlert {
  rule: AnomalyRule
  kind: 'anomaly'
  subject: string
  severity: AlertSeverity
  title: string
  detail: string
  reason: string
  value: number
  expected: { low: number; high: number }
  at: number
}

interface Words {
  name: string
  unit: (value: number) => string
  below: string
  above: string
}

const counted = (what: string) => (value: number) => `${round(value)} ${what}`
const percent = (value: number) => `${(100 * value).toFixed(2)} %`
const NO_DROP = 'That there is less of it is no fault.'

const WORDS: Readonly<Record<AnomalyRule, Words>> = {
  order_rate: {
    name: 'Orders',
    unit: counted('orders'),
    below: 'Look whether orders still reach the gateway: the shop, its checkout and payments, then the outbox and the lag of the readers.',
    above: 'Look whether a campaign has begun, or one user or address sends them.',
  },
  ctr: {
    name: 'Clicks by impression (CTR)',
    unit: percent,
    below: 'Look whether ads are shown as they should be, lead where they should, and whether clicks are still sent.',
    above: 'Look whether impressions are still sent, and who clicks: one user, ad or address may be flooding.',
  },
  cvr: {
    name: 'Attributed orders by click (CVR)',
    unit: percent,
    below: 'Look whether what is advertised can be ordered, and whether clicks and orders carry the same user and item.',
    above: 'Look whether clicks are still sent, and whether orders are real.',
  },
  revenue: {
    name: 'Revenue of the orders that came',
    unit: (paise) => `₹${round(paise / 100)}`,
    below: 'Look for wrong prices and quantities, and discounts that were not meant.',
    above: 'Look for wrong prices and quantities, and whether the large orders are real.',
  },
  refused: {
    name: 'Refused events',
    unit: counted('refused'),
    below: NO_DROP,
    above:
      'Look by which code the gateway refuses (flowguard_events_refused_total): a new client may send what is no event, or without its key.',
  },
  dead: {
    name: 'Dead letters',
    unit: counted('dead letters'),
    below: NO_DROP,
    above: 'Look at them (flowguard dead list) and at what changed before; once it is mended, they can be worked off again.',
  },
}

const BY = { hour: 'at this hour of the week', day: 'at this time of other days', all: 'at any time' } as const

export function alertOf({ rule, direction, minutes, value, expected, usual, by, at }: AnomalySignal): AnomalyAlert {
  const { name, unit, [direction]: advice } = WORDS[rule]
  const ratio = usual === 0 ? Infinity : value / usual
  const isCritical = direction === 'below' ? ratio < CRITICAL_BELOW : ratio > CRITICAL_ABOVE
  const window = minutes === 1 ? 'in a minute' : `in ${minutes} minutes`
  // In rupees, as all that is told.
  const scale = rule === 'revenue' ? 0.01 : 1
  return {
    rule,
    kind: 'anomaly',
    subject: ALL_TRAFFIC,
    severity: isCritical ? 'critical' : 'warning',
    title: `${name} far ${direction} what is usual`,
    detail: advice,
    reason: `${unit(value)} ${window}; usual ${BY[by]}: ${unit(expected.low)} to ${unit(expected.high)}, about ${unit(usual)}`,
    value: value * scale,
    expected: { low: expected.low * scale, high: expected.high * scale },
    at,
  }
}

function round(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Math.round(value * 10) / 10)
}
