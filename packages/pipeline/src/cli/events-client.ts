import { Agent, request, type RequestOptions } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { Settings } from '../kernel/config.ts'

const ANSWER_MS_MAX = 30_000

export interface EventsClient extends Disposable {
  /** Resolves to the status, or to the code of what went wrong where no answer came. */
  post(event: object): Promise<number | string>
}

/**
 * Posts single events over kept connections. By node:http itself: fetch costs three times as much a request, and a load test shares its machine with
 * what it measures.
 */
export function eventsClient(
  { GATEWAY_URL, WRITE_KEY: key }: Pick<Settings, 'GATEWAY_URL' | 'WRITE_KEY'>,
  connections: number,
): EventsClient {
  const url = new URL('/events', GATEWAY_URL)
  const isSecure = url.protocol === 'https:'
  const agent = new (isSecure ? SecureAgent : Agent)({ keepAlive: true, maxSockets: connections })
  const send = isSecure ? secureRequest : request
  const options: RequestOptions = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (isSecure ? 443 : 80),
    path: url.pathname,
    method: 'POST',
    agent,
    timeout: ANSWER_MS_MAX,
  }
  const headers = { 'content-type': 'application/json', ...(key ? { authorization: `Bearer ${key}` } : {}) }
  return {
    post: (event) =>
      new Promise((resolve) => {
        const body = JSON.stringify(event)
        const sent = send({ ...options, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (response) => {
          response.resume()
          response.once('end', () => resolve(response.statusCode ?? 0))
          response.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        })
        sent.once('timeout', () => sent.destroy(Object.assign(new Error('no answer in time'), { code: 'TIMEOUT' })))
        sent.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        sent.end(body)
      }),
    [Symbol.dispose]: () => agent.destroy(),
  }
}
