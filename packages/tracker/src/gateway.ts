import { RETRY_AFTER_MS_MAX } from './backoff.ts'
import type { Environment } from './environment.ts'

export const REQUEST_MS_MAX = 10_000
/**
 * What speaks of the event. Any other status speaks of the way to the gateway or of the key: an operator's mistake, or a gateway that is being replaced, and
 * no customer's act is to be lost by it.
 */
const REFUSALS: readonly number[] = [400, 409, 413, 415, 422]

/** What is wrong with an event, as the gateway says it or, where it never came so far, the tracker. */
export interface Refusal {
  code: string
  detail: string
}

export type Outcome =
  | { kind: 'answered'; body: unknown }
  /** It will not be taken, however often it is sent. */
  | ({ kind: 'refused'; status: number } & Refusal)
  /** Whether it was taken nobody knows: send it again. */
  | { kind: 'unanswered'; retryAfterMs: number; detail: string }

export interface GatewayAddress {
  gatewayUrl: string
  /** A write key, made for this alone: it lies open in the page. */
  key?: string | undefined
}

export function openGateway({ gatewayUrl, key }: GatewayAddress, { fetch, sendBeacon, now, after }: Environment) {
  const base = gatewayUrl.replace(/\/+$/, '')

  /** Never rejects. */
  async function post(path: string, contentType: string, body: string, timeoutMs = REQUEST_MS_MAX): Promise<Outcome> {
    const limit = new AbortController()
    const relax = after(timeoutMs, () => limit.abort())
    const headers = { 'content-type': contentType, accept: 'application/json', ...(key && { authorization: `Bearer ${key}` }) }
    try {
      const response = await fetch(base + path, { method: 'POST', headers, body, signal: limit.signal })
      const text = await response.text()
      if (response.ok) return { kind: 'answered', body: parsed(text) }
      const { status } = response
      if (REFUSALS.includes(status)) return { kind: 'refused', status, ...refusalOf(parsed(text)) }
      const waitMs = retryAfterMs(response.headers.get('retry-after'), now())
      return { kind: 'unanswered', retryAfterMs: waitMs, detail: `the gateway answered ${status}` }
    } catch {
      return { kind: 'unanswered', retryAfterMs: 0, detail: 'the gateway does not answer' }
    } finally {
      relax()
    }
  }

  return {
    /** One event a line, so that one that is malformed is rejected alone. */
    postBatch: (lines: readonly string[]) => post('/api/v1/batch', 'application/x-ndjson', lines.join('\n')),
    postOrder: (line: string, timeoutMs: number) => post('/api/v1/orders', 'application/json', line, timeoutMs),
    /** Outlives the page; nobody hears the answer. False where the browser would not take it. */
    beacon(lines: readonly string[]): boolean {
      const query = key ? `?key=${encodeURIComponent(key)}` : ''
      const body = new Blob(['[', lines.join(','), ']'], { type: 'application/json' })
      return sendBeacon?.(`${base}/api/v1/batch${query}`, body) ?? false
    },
  }
}

export type Gateway = ReturnType<typeof openGateway>

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Of a problem (RFC 9457), a batch's `error`, or whatever somebody between here and the gateway answers. */
export function refusalOf(body: unknown): Refusal {
  const { code, detail } = (body ?? {}) as Partial<Refusal>
  return { code: String(code ?? 'refused'), detail: String(detail ?? '') }
}

/** Seconds, or an HTTP date. */
function retryAfterMs(text: string | null, now: number): number {
  if (!text) return 0
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : 0
}
