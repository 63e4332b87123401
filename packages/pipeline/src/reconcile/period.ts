import { DAY_MS } from '@flowguard/contract'

/**
 * Whether the billing period of a day is closed: it is the UTC month, and closed `closeDays` days after its end. From then on it changes by credits only.
 */
export function isClosed(day: string, { closeDays, now }: { closeDays: number; now: number }): boolean {
  const [year, month] = day.split('-').map(Number) as [number, number]
  return now >= Date.UTC(year, month, 1) + closeDays * DAY_MS
}
