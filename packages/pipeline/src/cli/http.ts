import type { Problem } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'

const REQUEST_MS_MAX = 30_000

export interface Answer {
  status: number
  headers: Headers
  /** The parsed JSON, or the text where it is none. */
  body: unknown
}

export interface Request {
  method?: 'GET' | 'POST'
  body?: string
  contentType?: string
  /** The write key, where there is one. */
  key?: string
  timeoutMs?: number
  signal?: AbortSignal
}

/** One request over a kept connection. Throws `unreachable` where no whole answer came, whatever the answer's status. */
export async function request(
  url: string,
  { method = 'GET', body, contentType = 'application/json', key, timeoutMs, signal }: Request = {},
): Promise<Answer> {
  const limit = AbortSignal.timeout(timeoutMs ?? REQUEST_MS_MAX)
  try {
    const response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...(key ? { authorization: `Bearer ${key}` } : {}),
      },
      ...(body === undefined ? {} : { body }),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parsed(text) }
  } catch (error) {
    throw new FlowGuardError('unreachable', `${new URL(url).origin} does not answer: ${causeOf(error)}`, error)
  }
}

/** Asks for JSON with status 2xx. Throws `unreachable`, or `refused` with what was answered. */
export async function requestOk(url: string, options: Request = {}): Promise<unknown> {
  const answer = await request(url, options)
  if (answer.status < 200 || answer.status > 299) throw refused(url, answer)
  return answer.body
}

export function refused(url: string, { status, body }: Answer): FlowGuardError {
  return new FlowGuardError('refused', `${new URL(url).origin}${new URL(url).pathname} answered ${status}: ${problemText(body)}`)
}

/** The problem+json answer in one line. */
export function problemText(body: unknown): string {
  if (typeof body !== 'object' || body === null) return String(body).slice(0, 200) || 'nothing'
  const { title, detail, errors } = body as Partial<Problem>
  const fields = Array.isArray(errors) ? errors.map(({ field, message }) => `${field} ${message}`).join(', ') : ''
  return [detail ?? title ?? JSON.stringify(body).slice(0, 200), fields].filter(Boolean).join(': ')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function causeOf(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } }
  if (name === 'TimeoutError') return 'no answer in time'
  return cause?.code ?? cause?.message ?? message
}
