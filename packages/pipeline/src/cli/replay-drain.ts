import { LATENESS_MS } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { CHANNEL_READER } from '../reader/readers.ts'
import { refused, request } from './http.ts'
import { counted, duration } from './output.ts'
import { askPatiently, type Patience } from './replay-send.ts'

const POLL_MS = 200
const ASK_MS_MAX = 10_000
export const DRAIN_STALL_MS = 120_000

/** What `GET /api/summary` of the operations API says, as far as draining needs it. */
export interface Progress {
  readers: readonly { name: string; lag: number; caught_up: boolean }[]
  watermark_ms: number | null
  pending_orders: number
  outbox: number
}

export interface DrainTarget {
  /** What the watermark has to reach. */
  watermarkMs: number | null
  /** Others may be sending: then nothing stands still, and each thing has to be done only once after the watermark. */
  isLive: boolean
}

/** What is still waited for, in words; empty once all is done. `seen` keeps what was done once, for a live log. */
export function waitingFor(progress: Progress, target: DrainTarget, seen: Set<string>): string[] {
  const { watermark_ms: watermark, outbox, pending_orders: pending } = progress
  const behind = target.watermarkMs !== null && (watermark === null || watermark < target.watermarkMs)
  if (behind && watermark === null) return ['time to begin', ...lagging(progress)]
  const waits: string[] = behind ? [`time to pass (${duration((target.watermarkMs ?? 0) - (watermark ?? 0))} to go)`] : []
  // The lake writes seldom, in large files; a channel of alerts waits for a receiver that may be down. Nothing that is asked for hangs on them.
  const readers = progress.readers.filter(({ name }) => name !== 'lake' && !name.startsWith(CHANNEL_READER))
  const todo = new Map(
    readers.map(({ name, lag, caught_up: isDone }) => [`${name} (${lag} behind)`, { key: name, isDone: isDone && lag === 0 }]),
  )
  todo.set(`outbox (${counted(outbox, 'order')})`, { key: 'outbox', isDone: outbox === 0 })
  if (!target.isLive) todo.set(`${counted(pending, 'order')} waiting for time to pass`, { key: 'pending', isDone: pending === 0 })
  for (const [text, { key, isDone }] of todo) {
    if (isDone && !behind) seen.add(key)
    if (!isDone && !(target.isLive && seen.has(key))) waits.push(text)
  }
  return waits
}

function lagging({ readers }: Progress): string[] {
  return readers.filter(({ lag }) => lag > 0).map(({ name, lag }) => `${name} (${lag} behind)`)
}

export interface DrainOptions extends Patience {
  gatewayUrl: string
  opsUrl: string
  key: string
  /** The highest event time sent. */
  lastTime: number
  stallMs: number
  onWait: (waits: readonly string[]) => void
}

/** Closes time, and waits until every reader has worked off everything. False when interrupted. Throws `part_failed` naming what lags when nothing moves. */
export async function drain(options: DrainOptions): Promise<boolean> {
  const { gatewayUrl, opsUrl, key, lastTime, stallMs, clock, signal, onWait } = options
  const answer = await askPatiently(`${gatewayUrl}/api/v1/time/close`, { method: 'POST', body: '{}', key }, options)
  if (!answer) return false
  const { closed_to: closedTo, live } = answer.body as { closed_to: number | null; live: boolean }
  const watermarkMs = live ? Math.min(lastTime, clock()) : closedTo === null ? null : closedTo - LATENESS_MS
  const target = { watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null, isLive: live }
  const seen = new Set<string>()
  let last = ''
  let movedAt = clock()
  let waits: string[]
  while (!signal.aborted) {
    const progress = await ask(opsUrl, key, signal)
    if (signal.aborted) return false
    waits = 'away' in progress ? [progress.away] : waitingFor(progress, target, seen)
    if (waits.length === 0) return true
    const now = waits.join(', ')
    if (now !== last) movedAt = clock()
    last = now
    onWait(waits)
    if (clock() - movedAt >= stallMs)
      throw new FlowGuardError('part_failed', `nothing has moved for ${duration(stallMs)}; still waiting for ${now}`)
    await pause(POLL_MS, signal)
  }
  return false
}

/** The pipeline may be starting again: then it is waited for as all else is. */
async function ask(opsUrl: string, key: string, signal: AbortSignal): Promise<Progress | { away: string }> {
  const url = `${opsUrl}/api/summary`
  try {
    const answer = await request(url, { key, signal, timeoutMs: ASK_MS_MAX })
    if (answer.status === 200) return answer.body as Progress
    if (answer.status < 500 && answer.status !== 429) throw refused(url, answer)
    return { away: `the operations API (it answers ${answer.status})` }
  } catch (error) {
    if (hasCode(error, 'unreachable')) return { away: `the operations API (${(error as Error).message})` }
    throw error
  }
}
