import { existsSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Problem } from '@flowguard/contract'
import { isLoopback, type Settings } from '../kernel/config.ts'
import { FlowGuardError, isErrorCode } from '../kernel/errors.ts'
import { readOperatorKey } from '../kernel/operator-key.ts'
import { needsFolder } from './cli.ts'

const REQUEST_MS_MAX = 30_000

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
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

/**
 * Whether the operations API is to be asked, at the address given: there is no data folder here. A scheduler's machine, for instance. Throws `store_missing` where there
 * is no address either.
 */
export function isElsewhere(settings: Pick<Settings, 'DATA_DIR' | 'sources'>): boolean {
  if (settings.sources.OPS_URL === 'default') needsFolder(settings)
  return !existsSync(settings.DATA_DIR)
}

/** What a command here sends to the operations API: the key that it was given, or the data folder's own, which never goes to another machine. */
export function keyForOps({ WRITE_KEY, OPS_URL, DATA_DIR }: Pick<Settings, 'WRITE_KEY' | 'OPS_URL' | 'DATA_DIR'>): string {
  if (WRITE_KEY) return WRITE_KEY
  const host = new URL(OPS_URL).hostname.replaceAll(/[[\]]/g, '')
  return isLoopback(host) ? (readOperatorKey(DATA_DIR) ?? '') : ''
}

/** One request over a kept connection. Throws `unreachable` where no whole answer came, whatever the answer's status. */
export async function request(
  url: string,
  { method = 'GET', body, contentType = 'application/json', key, timeoutMs, signal }: Request = {},
): Promise<Answer> {
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
    ...(key ? { authorization: `Bearer ${key}` } : {}),
  }
  const limit = AbortSignal.timeout(timeoutMs ?? REQUEST_MS_MAX)
  try {
    const answer = await exchange(url, { method, headers, signal: signal ? AbortSignal.any([signal, limit]) : limit }, body)
    return { ...answer, body: parsed(answer.text) }
  } catch (error) {
    throw new FlowGuardError(
      'unreachable',
      `${new URL(url).origin} does not answer: ${limit.aborted ? 'no answer in time' : causeOf(error)}`,
      error,
    )
  }
}

interface Sent {
  method: string
  headers: Record<string, string | number>
  signal: AbortSignal
}

/** By Node's own client: for a batch of events, `fetch` takes twice the time. */
function exchange(url: string, sent: Sent, body = ''): Promise<Pick<Answer, 'status' | 'headers'> & { text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<Pick<Answer, 'status' | 'headers'> & { text: string }>()
  const request = url.startsWith('https:') ? httpsRequest : httpRequest
  const asking = request(url, sent, (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('error', reject)
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString() }),
    )
  })
  asking.on('error', reject)
  asking.end(body)
  return promise
}

/** Asks for JSON with status 2xx. Throws `unreachable`, or what `refused` makes of the answer. */
export async function requestOk(url: string, options: Request = {}): Promise<unknown> {
  const answer = await request(url, options)
  if (answer.status < 200 || answer.status > 299) throw refused(url, answer)
  return answer.body
}

/** An answer that is no success, as an error: of the code that it names, where that is one of ours, so that what to do is said as if it had happened here. */
export function refused(url: string, { status, headers, body }: Answer): FlowGuardError {
  const where = `${new URL(url).origin}${new URL(url).pathname}`
  // None is followed: that would take the write key to wherever the answer says.
  if (status >= 300 && status < 400 && headers.location !== undefined)
    return new FlowGuardError('refused', `${where} answered ${status} to ${headers.location}: set GATEWAY_URL or OPS_URL to that`)
  const told = `${where} answered ${status}: ${problemText(body)}`
  if (status === 401) return new FlowGuardError('unauthorized', told)
  const { code } = Object(body) as { code?: unknown }
  if (!isErrorCode(code)) return new FlowGuardError('refused', told)
  // A server keeps its own trouble to itself: then who had it is said at least.
  return new FlowGuardError(code, status < 500 ? problemText(body) : told)
}

/** The problem+json answer in one line. The fields are named once, where the detail names them already. */
export function problemText(body: unknown): string {
  if (typeof body !== 'object' || body === null) return String(body).slice(0, 200) || 'nothing'
  const { title, detail, errors } = body as Partial<Problem>
  const about = detail ?? title ?? JSON.stringify(body).slice(0, 200)
  const fields = (Array.isArray(errors) ? errors : [])
    .map(({ field, message }) => `${field} ${message}`)
    .filter((each) => !about.includes(each.replace(/^\//, '')))
  return fields.length > 0 ? `${about}: ${fields.join(', ')}` : about
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function causeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
