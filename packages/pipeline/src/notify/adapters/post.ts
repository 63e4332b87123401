import { request as requestHttp, type Agent as HttpAgent, type AgentOptions, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { FlowGuardError } from '../../kernel/errors.ts'
import { refused, Unavailable } from '../sender.ts'
import { isPrivateAddress, privateAddresses } from './addresses.ts'

/** From the first byte to the last: whoever takes longer is down. */
const POST_MS_MAX = 10_000
/** Of what is sent. */
const BODY_BYTES_MAX = 64 * 1024
/** Of what is answered, so much is read, to say why. */
const ANSWER_BYTES_MAX = 2 * 1024
const SAID_CHARS_MAX = 200
/** What passes although it is a fault of the request by its number. */
const PASSING = new Set([408, 425, 429])
/** The address or the key is wrong, whatever is sent: somebody can mend that, and until then nothing is to be lost. */
const TURNED_AWAY = new Set([401, 403, 404, 410])

export interface PostOptions {
  url: string
  headers: Readonly<Record<string, string>>
  body: string
  isPrivateAllowed: boolean
  msMax?: number | undefined
  /** Of a test's own authority. */
  ca?: string | undefined
}

class PrivateAddress extends Error {}

/**
 * Posts JSON, once, and resolves to what the receiver said. Follows no redirect; where inner networks are not allowed the socket is refused by the address that
 * it is about to reach, whatever a name stood for when it was looked up.
 */
export async function post(options: PostOptions, signal: AbortSignal): Promise<string> {
  const { url, body, msMax = POST_MS_MAX } = options
  if (Buffer.byteLength(body) > BODY_BYTES_MAX) throw refused(`the message has more than ${BODY_BYTES_MAX} bytes`)
  const late = AbortSignal.timeout(msMax)
  // Without TLS there are inner networks alone.
  const agent = url.startsWith('https:') ? guardedAgent(options) : undefined
  try {
    const answer = await asked(new URL(url), options, agent, AbortSignal.any([signal, late]))
    const said = await firstWords(answer)
    return judged(answer, said)
  } catch (error) {
    if (error instanceof FlowGuardError) throw error
    if (isOfPrivate(error)) throw refused('the address is one of an inner network: only allow_private: true lets it be used', error)
    if (late.aborted) throw new Unavailable(`no answer within ${msMax} ms`, { cause: error })
    throw new Unavailable(messageOf(error), { cause: error })
  } finally {
    agent?.destroy()
  }
}

function asked(url: URL, { headers, body }: PostOptions, agent: HttpAgent | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        signal,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'FlowGuard',
          connection: 'close',
          ...headers,
        },
        ...(agent ? { agent } : { agent: false }),
      },
      resolve,
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** What it begins to say, for the log; the rest is not waited for. */
async function firstWords(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if ((bytes += chunk.length) >= ANSWER_BYTES_MAX) break
  }
  answer.destroy()
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
  return text.slice(0, SAID_CHARS_MAX).toWellFormed()
}

function judged({ statusCode = 0, headers }: IncomingMessage, said: string): string {
  const text = said === '' ? String(statusCode) : `${statusCode} ${said}`
  if (statusCode >= 200 && statusCode < 300) return text
  if (statusCode >= 300 && statusCode < 400) throw refused(`${statusCode}: it redirects elsewhere, and no redirect is followed`)
  if (statusCode >= 500 || PASSING.has(statusCode) || TURNED_AWAY.has(statusCode))
    throw new Unavailable(text, { retryAfterMs: retryAfterMs(headers['retry-after']) })
  throw refused(text)
}

function retryAfterMs(text: string | undefined): number {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : 0
}

type Done<T> = (error: Error | null, made?: T) => void

/** Connects to nothing on an inner network, unless that is allowed. One request each. */
function guardedAgent({ ca, isPrivateAllowed }: PostOptions): HttpAgent {
  const agent = new HttpsAgent({ keepAlive: false })
  function createConnection(options: AgentOptions & { host?: string; servername?: string }, done: Done<Duplex>): undefined {
    const host = String(options.host)
    const name = options.servername || (isIP(host) === 0 ? host : undefined)
    const own = { ...(name === undefined ? {} : { servername: name }), ...(ca === undefined ? {} : { ca }) }
    guardedSocket({ host, port: Number(options.port), isPrivateAllowed }, (error, socket) => {
      if (error || !socket) done(error)
      else done(null, connectTls({ socket, ...own }))
    })
  }
  // Node takes a socket that comes later, by the callback.
  agent.createConnection = createConnection
  return agent
}

/** The list refuses an address before it is connected to; what the socket says it has reached is looked at all the same, before a byte is sent. */
function guardedSocket(
  { host, port, isPrivateAllowed }: { host: string; port: number; isPrivateAllowed: boolean },
  done: Done<Socket>,
): void {
  const socket = connect({
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port,
    timeout: POST_MS_MAX,
    ...(isPrivateAllowed ? {} : { blockList: privateAddresses }),
  })
  socket.once('error', done)
  socket.once('timeout', () => socket.destroy(new Error('no connection in time')))
  socket.once('connect', () => {
    socket.off('error', done)
    socket.setTimeout(0)
    const address = socket.remoteAddress
    if (isPrivateAllowed || (address !== undefined && !isPrivateAddress(address))) return done(null, socket)
    socket.destroy()
    done(new PrivateAddress(address))
  })
}

function isOfPrivate(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isOfPrivate)
  return error instanceof PrivateAddress || (error as NodeJS.ErrnoException).code === 'ERR_IP_BLOCKED'
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
