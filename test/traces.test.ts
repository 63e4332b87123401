import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { startMachine, until } from './support/machine.ts'

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  service: string
  attributes: Record<string, unknown>
}

type Attribute = { key: string; value: Record<string, unknown> }
interface Sent {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: { spans: (Omit<Span, 'service' | 'attributes'> & { attributes: Attribute[] })[] }[]
  }[]
}

const plain = (attributes: readonly Attribute[]) => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** A collector: OTLP over HTTP, as JSON. */
async function startCollector() {
  const spans: Span[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    assert.equal(request.url, '/v1/traces')
    const sent = JSON.parse(Buffer.concat(chunks).toString()) as Sent
    for (const { resource, scopeSpans } of sent.resourceSpans) {
      const service = String(plain(resource.attributes)['service.name'])
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) spans.push({ ...span, service, attributes: plain(span.attributes) })
    }
    response.setHeader('content-type', 'application/json').end('{}')
  }
  const server = createServer((request, response) => void take(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    of: (traceId: string) => spans.filter((span) => span.traceId === traceId),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const newTrace = () => ({ traceId: randomBytes(16).toString('hex'), parentId: randomBytes(8).toString('hex') })

/** What becomes of an order due to a click, as spans: the process that sent each, and its name. */
const WAY = [
  ['flowguard-edge', 'POST /api/v1/orders'],
  ['flowguard-edge', 'write orders'],
  ['flowguard-edge', 'append raw.orders.v1'],
  ['flowguard-pipeline', 'stream raw.orders.v1'],
  ['flowguard-pipeline', 'billing raw.orders.v1'],
  ['flowguard-pipeline', 'append attributed.events.v1'],
  ['flowguard-pipeline', 'billing-orders attributed.events.v1'],
  ['flowguard-pipeline', 'customers raw.orders.v1'],
  ['flowguard-pipeline', 'customers-ads attributed.events.v1'],
  ['flowguard-pipeline', 'loader raw.orders.v1'],
  ['flowguard-pipeline', 'loader attributed.events.v1'],
]

test("an order's way is one trace, from the client's own span to the ledger and the warehouse", async () => {
  await using collector = await startCollector()
  await using machine = await startMachine({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_RESOURCE_ATTRIBUTES: 'team=ads' } })
  const send = async (path: string, body: object, traceparent?: string) => {
    const headers = { 'content-type': 'application/json', ...(traceparent && { traceparent }) }
    const response = await fetch(`${machine.gatewayUrl}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    assert.ok(response.ok, await response.text())
  }
  const { traceId, parentId } = newTrace()
  const unsampled = newTrace()
  await send('/api/v1/clicks', { ad_id: 'ad_crispy_burger_match_night', user_id: 1, item_id: 7 })
  await send('/api/v1/orders', { item_id: 7, user_id: 1 }, `00-${traceId}-${parentId}-01`)
  await send('/api/v1/orders', { item_id: 8, user_id: 2 }, `00-${unsampled.traceId}-${unsampled.parentId}-00`)

  const names = () => collector.of(traceId).map(({ service, name }) => [service, name])
  const isThere = (wanted: readonly string[]) => names().some((found) => String(found) === String(wanted))
  await until('the whole way is told', () => WAY.every(isThere), 40_000)
  const spans = collector.of(traceId)
  assert.deepEqual(names().map(String).toSorted(), WAY.map(String).toSorted())
  const request = spans.find(({ name }) => name === 'POST /api/v1/orders') as Span
  assert.equal(request.parentSpanId, parentId)
  assert.equal(request.attributes['http.response.status_code'], 201)
  for (const span of spans) if (span !== request) assert.equal(span.parentSpanId, request.spanId, span.name)
  const startOf = (name: string) => BigInt(spans.find((span) => span.name === name)?.startTimeUnixNano ?? 0)
  assert.ok(startOf('POST /api/v1/orders') < startOf('write orders'))
  assert.ok(startOf('write orders') < startOf('append raw.orders.v1'))
  assert.ok(startOf('append attributed.events.v1') < startOf('billing-orders attributed.events.v1'))
  const charged = spans.find(({ name }) => name.startsWith('billing-orders'))
  assert.equal(charged?.attributes['flowguard.fate'], 'applied')
  assert.deepEqual(collector.of(unsampled.traceId), [], 'what its client does not sample makes no spans')
  const id = String(spans.find(({ name }) => name === 'stream raw.orders.v1')?.attributes['messaging.message.id'])
  assert.match(id, /^raw\.orders\.v1-\d-\d+$/)
})

test('with a sampler that takes none nothing is sent, and the log carries the trace all the same', async () => {
  await using collector = await startCollector()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }
  await using machine = await startMachine({ env, idle: true })
  await machine.start('edge')
  const post = (headers: Record<string, string>) =>
    fetch(`${machine.gatewayUrl}/api/v1/clicks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ ad_id: 'food_1' }),
    })
  const refused = (await (await post({})).json()) as { trace_id: string }
  const { traceId, parentId } = newTrace()
  await post({ traceparent: `00-${traceId}-${parentId}-01` })
  await machine.stop('edge')
  assert.match(refused.trace_id, /^[0-9a-f]{32}$/)
  assert.deepEqual(collector.of(refused.trace_id), [])
  assert.equal(collector.of(traceId).length, 1, "the client's own trace goes on")
})
