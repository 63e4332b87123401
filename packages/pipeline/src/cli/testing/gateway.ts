import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Told {
  status?: number
  headers?: Record<string, string>
  body?: unknown
  /** The connection ends in the middle of the answer. */
  reset?: true
}

export interface FakeGateway extends AsyncDisposable {
  url: string
  /** Every event id that was accepted, in order, repeats too. */
  accepted: string[]
  /** The events of every batch that was answered with 200. */
  events: Record<string, unknown>[]
  requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[]
  /** Asked first for every request; what it returns is answered. */
  told: (url: string, count: number) => Told | undefined
  /** The highest event time accepted; a test may set another. */
  highestTs: number | null
  /** The most requests that were open at once. */
  openMax: number
}

/** A real HTTP server that answers as the gateway and the operations API do, and fails when it is told to. */
export async function fakeGateway(): Promise<FakeGateway> {
  const gateway: Omit<FakeGateway, 'url' | typeof Symbol.asyncDispose> = {
    accepted: [],
    events: [],
    requests: [],
    told: () => undefined,
    highestTs: null,
    openMax: 0,
  }
  let open = 0
  const server = createServer((request, response) => {
    let body = ''
    open += 1
    gateway.openMax = Math.max(gateway.openMax, open)
    response.on('close', () => (open -= 1))
    request.setEncoding('utf8')
    request.on('data', (part: string) => (body += part))
    request.on('end', () => {
      const url = request.url ?? ''
      gateway.requests.push({ method: request.method ?? '', url, headers: request.headers, body })
      answer(response, gateway.told(url, gateway.requests.length) ?? usual(gateway, url, body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return Object.assign(gateway, {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

function answer(response: ServerResponse, { status = 200, headers = {}, body = {}, reset }: Told) {
  if (reset) {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('[')
    return void setImmediate(() => response.socket?.destroy())
  }
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

function usual(gateway: Pick<FakeGateway, 'accepted' | 'events' | 'highestTs'>, url: string, body: string): Told {
  if (url === '/api/v1/time') return { body: { highest_ts: gateway.highestTs, highest: null, live: false, log_id: 'the-log' } }
  if (url === '/api/v1/time/close') return { status: 202, body: { closed_to: gateway.highestTs, live: false, log_id: 'the-log' } }
  if (url === '/api/summary') {
    return {
      body: { readers: [{ name: 'stream', lag: 0, caught_up: true }], watermark_ms: gateway.highestTs, pending_orders: 0, outbox: 0 },
    }
  }
  if (url === '/api/v1/batch') {
    const events = eventsIn(body)
    gateway.events.push(...events)
    const times = events.map((event) => Date.parse(String(event['timestamp']))).filter((ts) => !Number.isNaN(ts))
    if (times.length > 0) gateway.highestTs = Math.max(gateway.highestTs ?? -Infinity, ...times)
    gateway.accepted.push(...events.map((event) => String(event['event_id'])))
    return { body: events.map((event, index) => ({ index, status: 'accepted', event_id: event['event_id'] })) }
  }
  if (url.startsWith('/api/v1/clicks') || url === '/api/v1/orders') {
    const event = JSON.parse(body) as Record<string, unknown>
    gateway.events.push(event)
    gateway.accepted.push(String(event['event_id']))
    return {
      status: url === '/api/v1/orders' ? 201 : 202,
      body: { success: true, event_id: event['event_id'], order_id: 'o-1', message: '' },
    }
  }
  if (url === '/livez') return { body: { status: 'alive' } }
  return { status: 404, body: { title: 'Not Found', detail: `no route ${url}` } }
}

function eventsIn(body: string): Record<string, unknown>[] {
  if (body.startsWith('[')) return JSON.parse(body) as Record<string, unknown>[]
  return body
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
