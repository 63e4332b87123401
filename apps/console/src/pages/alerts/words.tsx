import type { AlertShown } from 'flowguard/answers'
import { Badge } from '../../ui/basics.tsx'

const figure = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 6 })

/** What was seen last, and what is usual; undefined where it is no number. */
export function seenOf({ alert: { value, expected } }: AlertShown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (!expected) return figure(value)
  const { low, high } = expected
  if (low !== null && high !== null) return `${figure(value)}; ${figure(low)} to ${figure(high)} is usual`
  return high === null ? `${figure(value)}; ${figure(low ?? 0)} or more is usual` : `${figure(value)}; up to ${figure(high)} is usual`
}

/** Open, acknowledged, resolved; nothing for what was told once. */
export function StateBadge({ alert: { state }, acknowledged_at: acknowledged }: AlertShown) {
  if (state === undefined) return null
  if (state === 'resolved') return <Badge tone="good">resolved</Badge>
  return acknowledged === null ? <Badge tone="bad">open</Badge> : <Badge tone="warn">acknowledged</Badge>
}
