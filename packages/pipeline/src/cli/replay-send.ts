import type { BatchResult } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock } from '../kernel/lifecycle.ts'
import { backoffMs } from '../kernel/retry.ts'
import { refused, problemText, request, type Answer, type Request } from './http.ts'
import { duration } from './output.ts'

/** How long between tries, at most: a gateway that was restarted is found again soon. */
const RETRY_MS_MAX = 1_000
const RETRY_AFTER_MS_MAX = 30_000
/** What is over sooner is not worth a word. */
const HICCUP_MS = 400

export interface Patience {
  /** How long the gateway may be away before the replay gives up. */
  patienceMs: number
  clock: Clock
  random: () => number
  signal: AbortSignal
  say: (text: string) => void
}

/**
 * Asks until it is answered for good, however often the gateway goes away in between; the ids inside make that safe.
 * Undefined where the signal aborted first. Throws `unreachable` when the patience is used up, and `refused` for an answer that will not change.
 */
export async function askPatiently(url: string, options: Request, patience: Patience): Promise<Answer | undefined> {
  const { patienceMs, clock, random, signal, say } = patience
  let firstFailureAt: number | undefined
  let isSaid = false
  for (let tries = 1; !signal.aborted; tries += 1) {
    // Not handed the signal: an answer on its way is waited for, so that what was accepted is known.
    const { answer, trouble } = await attempt(url, options)
    if (answer && !trouble) {
      if (isSaid) say(`The gateway answers again after ${duration(clock() - (firstFailureAt ?? 0))}; going on.`)
      return answer
    }
    firstFailureAt ??= clock()
    if (!isSaid && clock() - firstFailureAt >= HICCUP_MS) {
      isSaid = true
      say(`${trouble}. Trying again for up to ${duration(patienceMs)} …`)
    }
    const leftMs = firstFailureAt + patienceMs - clock()
    if (leftMs <= 0)
      throw new FlowGuardError(
        'unreachable',
        `${trouble}, for ${duration(patienceMs)} now. What was answered is noted; started again, the replay goes on from there.`,
      )
    const waitMs = retryAfterMs(answer, clock()) ?? backoffMs(tries, { firstMs: 100, longestMs: RETRY_MS_MAX, random })
    await pause(Math.min(waitMs, leftMs), signal)
  }
  return undefined
}

async function attempt(url: string, options: Request): Promise<{ answer?: Answer; trouble?: string }> {
  try {
    const answer = await request(url, options)
    if (answer.status >= 200 && answer.status < 300) return { answer }
    const mayPass = answer.status === 408 || answer.status === 429 || answer.status >= 500
    if (!mayPass) throw refused(url, answer)
    return { answer, trouble: `${new URL(url).origin} answers ${answer.status}: ${problemText(answer.body)}` }
  } catch (error) {
    if (error instanceof FlowGuardError && error.code === 'unreachable') return { trouble: error.message }
    throw error
  }
}

/** Seconds, or an HTTP date. */
function retryAfterMs(answer: Answer | undefined, now: number): number | undefined {
  const text = answer?.headers['retry-after']
  if (!text) return undefined
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : undefined
}

/** What became of all the events sent: `lines` are the first few of each cause. */
export interface ReplayCounts {
  sent: number
  accepted: number
  duplicate: number
  rejected: number
  causes: Map<string, { count: number; lines: number[]; detail: string }>
}

const CAUSE_LINES_MAX = 5

export function noCounts(): ReplayCounts {
  return { sent: 0, accepted: 0, duplicate: 0, rejected: 0, causes: new Map() }
}

/** Reasons may hold what is different in every row: beyond so many, the rest is one. */
const CAUSES_MAX = 100
const OTHER_CAUSES = 'other causes'

/** A refusal in few words, the same for all of its kind, and what was wrong. */
export interface Cause {
  cause: string
  detail: string
}

export function causeOf({ code, detail, errors }: NonNullable<BatchResult['error']>): Cause {
  const field = errors?.[0]
  return { cause: [code, field?.field].filter(Boolean).join(' '), detail: field?.message ?? detail }
}

export function countRejected(counts: ReplayCounts, line: number, { cause: own, detail }: Cause): void {
  counts.rejected += 1
  const cause = counts.causes.has(own) || counts.causes.size < CAUSES_MAX ? own : OTHER_CAUSES
  const entry = counts.causes.get(cause) ?? { count: 0, lines: [], detail }
  entry.count += 1
  if (entry.lines.length < CAUSE_LINES_MAX) entry.lines.push(line)
  counts.causes.set(cause, entry)
}

/** Adds a batch's answer to the counts. Throws `refused` where it does not say what became of each event. */
export function countResults(counts: ReplayCounts, lines: readonly number[], body: unknown): void {
  if (!Array.isArray(body) || body.length !== lines.length) {
    throw new FlowGuardError(
      'refused',
      `the gateway's answer does not have one result for each of the ${lines.length} events sent: ${JSON.stringify(body)?.slice(0, 200)}`,
    )
  }
  counts.sent += lines.length
  ;(body as BatchResult[]).forEach(({ status, error }, at) => {
    if (status === 'accepted') counts.accepted += 1
    else if (status === 'duplicate') counts.duplicate += 1
    else {
      countRejected(counts, lines[at] ?? 0, causeOf(error ?? { code: 'rejected', detail: '' }))
    }
  })
}
