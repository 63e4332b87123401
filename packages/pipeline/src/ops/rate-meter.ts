import { SECOND_MS } from '@flowguard/contract'

const SPAN_MS = 10 * SECOND_MS
const SAMPLE_MS_MIN = SECOND_MS / 2

/** How fast a total rises, a second, over the last ten seconds in which it was asked for; null until it was asked twice. */
export function rateMeter(): (total: number, now: number) => number | null {
  let samples: { total: number; at: number }[] = []
  return (total, now) => {
    samples = samples.filter(({ at }) => now - at <= SPAN_MS && at <= now)
    const [oldest] = samples
    const newest = samples.at(-1)
    if (!newest || now - newest.at >= SAMPLE_MS_MIN) samples.push({ total, at: now })
    if (!oldest || now === oldest.at) return null
    return Math.max(0, Math.round(((total - oldest.total) * SECOND_MS * 10) / (now - oldest.at)) / 10)
  }
}
