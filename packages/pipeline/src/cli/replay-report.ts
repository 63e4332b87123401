import { count, duration, printable, type Output } from './output.ts'
import type { ReplayCounts } from './replay-send.ts'

export interface Report {
  sentMs: number
  drainMs: number | undefined
  /** What the numbers of places count. */
  unit: 'line' | 'row'
}

export function report(out: Output, counts: ReplayCounts, { sentMs, drainMs, unit }: Report): void {
  const { sent, accepted, duplicate, rejected } = counts
  const seconds = sentMs / 1_000
  const rate = Math.round(sent / Math.max(seconds, 0.001))
  if (out.isJson) {
    const drained = drainMs === undefined ? {} : { drained: true, drain_seconds: drainMs / 1_000 }
    const totals = { sent, accepted, duplicate, rejected, rejected_by_cause: byCause(counts) }
    return out.json({ ...totals, seconds, events_per_second: rate, ...drained })
  }
  const c = out.colors
  out.line(
    `${c.bold(count(sent))} sent in ${duration(sentMs)} (${count(rate)} events/s): ${c.green(`${count(accepted)} accepted`)}, ${count(duplicate)} duplicate, ${rejected > 0 ? c.red(`${count(rejected)} rejected`) : '0 rejected'}`,
  )
  sayCauses(out, counts, unit)
  if (drainMs !== undefined) out.line(`Every reader has caught up, and time is closed (${duration(drainMs)}).`)
}

export function byCause({ causes }: ReplayCounts): Record<string, { count: number; lines: number[]; detail: string }> {
  return Object.fromEntries([...causes].map(([cause, { count: number, lines, detail }]) => [cause, { count: number, lines, detail }]))
}

export function sayCauses(out: Output, { causes }: ReplayCounts, unit: 'line' | 'row'): void {
  for (const [cause, { count: number, lines, detail }] of causes) {
    const places = `${unit} ${lines.join(', ')}${number > lines.length ? ', …' : ''}`
    out.line(`  ${out.colors.red(printable(cause))}  ${count(number)} × ${printable(detail)}  (${places})`)
  }
}
