import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ATTRIBUTED, CLICKS, DEAD, GENERAL, ORDERS, type AttributedEvent, type DeadLetter, type Topic } from '@flowguard/contract'
import { parseAddress, type KafkaAddress } from '../packages/pipeline/src/kernel/addresses.ts'
import type { Groups } from '../packages/pipeline/src/ops/groups.ts'
import { SMALL_BATCHES } from './support/answers.ts'
import { startEngineMachine } from './support/engine-machine.ts'
import { until, type Machine } from './support/machine.ts'

/** An order is answered ten seconds after its time. */
const DECIDED_MS_MAX = 90_000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SEEN = '2026-01-31T10:15:00+05:30'
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0'

/** A record as kcat prints it. */
interface Printed {
  partition: number
  offset: number
  key: string | null
  headers?: readonly string[]
  payload: string
}

function clusterOf({ env }: Machine) {
  const { brokers, prefix } = parseAddress(env['LOG_URL'] as string) as KafkaAddress
  const name = (topic: Topic) => prefix + topic
  const kcat = (args: readonly string[], input: string | Uint8Array = '') => run(['-b', brokers.join(','), '-q', ...args], input)
  return {
    /** All that a topic holds, as anybody who reads what is committed finds it; heartbeats aside. */
    async read(topic: Topic): Promise<Printed[]> {
      const text = await kcat(['-C', '-t', name(topic), '-o', 'beginning', '-e', '-J', '-X', 'isolation.level=read_committed'])
      const lines = text.split('\n').filter((line) => line !== '')
      return lines.map((line) => JSON.parse(line) as Printed).filter(({ payload }) => !payload.includes('"heartbeat"'))
    },
    async heartbeats(topic: Topic): Promise<Printed[]> {
      const text = await kcat(['-C', '-t', name(topic), '-o', 'beginning', '-e', '-J'])
      const lines = text.split('\n').filter((line) => line.includes('heartbeat'))
      return lines.map((line) => JSON.parse(line) as Printed)
    },
    /** One record, whatever its bytes: without `more`, under no key. */
    write: (topic: Topic, value: string | Uint8Array, ...more: string[]) =>
      // What delimits records must not be in one.
      kcat(
        ['-P', '-t', name(topic), '-D', '<end of record>', '-X', 'message.max.bytes=4000000', '-X', 'topic.partitioner=murmur2', ...more],
        value,
      ),
  }
}

async function run(args: readonly string[], input: string | Uint8Array): Promise<string> {
  const child = spawn('kcat', args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const [stdout, stderr] = [[] as Buffer[], [] as Buffer[]]
  child.stdout.on('data', (part: Buffer) => stdout.push(part))
  child.stderr.on('data', (part: Buffer) => stderr.push(part))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, `kcat ${args.join(' ')}: ${Buffer.concat(stderr).toString()}`)
  return Buffer.concat(stdout).toString()
}

async function post<T = { event_id: string }>({ gatewayUrl }: Machine, path: string, body: object): Promise<T> {
  const traceparent = `00-${TRACE_ID}-b7ad6b7169203331-01`
  const headers = { 'content-type': 'application/json', traceparent }
  const response = await fetch(gatewayUrl + path, { method: 'POST', headers, body: JSON.stringify(body) })
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`)
  return (await response.json()) as T
}

/** The one record of a topic, with its headers by name and its event. */
function only(records: readonly Printed[]) {
  assert.equal(records.length, 1)
  const { key, headers = [], payload } = records[0] as Printed
  const named: Record<string, string> = {}
  for (let at = 0; at < headers.length; at += 2) named[headers[at] as string] = headers[at + 1] as string
  return { key, headers: named, event: JSON.parse(payload) as Record<string, unknown> }
}

/** What the gateway makes of a request: the SHA-256 of the body in RFC 8785 form, which for flat objects is their fields in order of name. */
function hashOf(body: object): string {
  const sorted = Object.fromEntries(Object.entries(body).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('base64url')
}

function assertHeaders(headers: Readonly<Record<string, string>>, body: object) {
  assert.deepEqual(Object.keys(headers).toSorted(), ['content_hash', 'traceparent'])
  assert.equal(headers['content_hash'], hashOf(body))
  assert.match(headers['traceparent'] as string, new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`))
}

async function deadLetters({ opsUrl }: Machine): Promise<DeadLetter[]> {
  const response = await fetch(`${opsUrl}/api/dead?limit=500`)
  assert.ok(response.ok)
  return ((await response.json()) as { letters: DeadLetter[] }).letters
}

async function assertBalanced(machine: Machine): Promise<void> {
  const { code, stdout, stderr } = await machine.cli('audit')
  assert.equal(code, 0, stdout + stderr)
}

test('kcat reads what the gateway wrote: the key, the headers and the flat event', async () => {
  await using machine = await startEngineMachine({ env: { ...SMALL_BATCHES, ETL: 'off' } })
  const cluster = clusterOf(machine)
  const click = {
    ad_id: 'ad_biryani_first_order',
    user_id: 42,
    user_agent: BROWSER,
    timestamp: SEEN,
    event_id: '',
    is_bot: true,
    seat: 'नमस्ते',
  }
  const clicked = await post(machine, '/api/v1/clicks', click)
  {
    const { key, headers, event } = only(await cluster.read(CLICKS))
    assert.equal(key, '42')
    assertHeaders(headers, click)
    const { received_at: receivedAt, ...rest } = event
    assert.ok(Math.abs(Date.parse(receivedAt as string) - Date.now()) < DECIDED_MS_MAX)
    assert.match(clicked.event_id, UUID)
    assert.deepEqual(rest, {
      ...click,
      event_id: clicked.event_id,
      event_type: 'click',
      user_id: '42',
      item_id: 4,
      is_bot: false,
      ts: Date.parse(SEEN),
    })
  }
  const impression = { ad_id: 'food_9', user_id: 'anna', is_click: true, user_agent: 'Googlebot/2.1', event_id: 'seen-1' }
  await post(machine, '/api/v1/clicks/impression', impression)
  {
    const { key, headers, event } = only((await cluster.read(CLICKS)).filter(({ payload }) => payload.includes('seen-1')))
    assert.equal(key, 'anna')
    assertHeaders(headers, impression)
    const { received_at: receivedAt, ...rest } = event
    // Without a time of its own it is of when it was received.
    assert.deepEqual(rest, { ...impression, event_type: 'impression', item_id: 9, is_bot: true, ts: Date.parse(receivedAt as string) })
  }
  const order = { item_id: 4, user_id: 42, event_id: 'order-1', order_id: 'mine', city: 'Pune' }
  const placed = await post<{ order_id: string }>(machine, '/api/v1/orders', order)
  await until('the order is in the log', async () => (await cluster.read(ORDERS)).length > 0)
  {
    const { key, headers, event } = only(await cluster.read(ORDERS))
    assert.equal(key, '42')
    assertHeaders(headers, order)
    assert.match(placed.order_id, UUID)
    const { received_at: receivedAt, item_name: name, price, ...rest } = event
    assert.deepEqual([typeof name, typeof price], ['string', 'number'])
    assert.deepEqual(rest, {
      ...order,
      event_type: 'order',
      user_id: '42',
      order_id: placed.order_id,
      client_order_id: 'mine',
      quantity: 1,
      order_type: 'placed',
      is_bot: false,
      ts: Date.parse(receivedAt as string),
    })
  }
  const page = { event_type: 'page_view', properties: {} }
  const { event_id: viewed } = await post(machine, '/events', page)
  {
    const { key, headers, event } = only(await cluster.read(GENERAL))
    // Where there is no user the event is its own.
    assert.equal(key, viewed)
    assertHeaders(headers, page)
    const { received_at: receivedAt, ...rest } = event
    assert.deepEqual(rest, { ...page, event_id: viewed, is_bot: false, ts: Date.parse(receivedAt as string) })
  }
  for (const topic of [CLICKS, ORDERS] as const) {
    const heartbeats = await cluster.heartbeats(topic)
    assert.ok(heartbeats.length > 0)
    for (const { payload } of heartbeats) assert.match(payload, /^\{"event_type":"heartbeat","ts":\d+\}$/)
  }

  // Another client that partitions as Kafka's own do: the same key, the same partition, and a repeat that counts once.
  const ofUser = async () => (await cluster.read(CLICKS)).filter(({ key }) => key === '42')
  const [first] = await ofUser()
  const { headers = [], payload, partition } = first as Printed
  const again = [0, 2].flatMap((at) => ['-H', `${headers[at]}=${headers[at + 1]}`])
  await cluster.write(CLICKS, payload, '-k', '42', ...again)
  assert.deepEqual(
    (await ofUser()).map((each) => each.partition),
    [partition, partition],
  )
  await until('the order is decided', async () => (await cluster.read(ATTRIBUTED)).length > 0, DECIDED_MS_MAX)
  const { key, event } = only(await cluster.read(ATTRIBUTED))
  const attributed = event as unknown as AttributedEvent
  // The click was of months before.
  assert.deepEqual([key, attributed.event_id, attributed.order_id, attributed.click], ['42', 'order-1', placed.order_id, null])
  const metrics = await fetch(`${machine.gatewayUrl}/api/v1/ads/metrics/4?date=${SEEN.slice(0, 10)}`)
  assert.equal(((await metrics.json()) as { clicks: number }).clicks, 1)
  assert.deepEqual(await deadLetters(machine), [])
  await assertBalanced(machine)
})

const EVENT = { received_at: '2026-01-31T10:15:00.000Z', ts: Date.parse(SEEN), is_bot: false, user_id: '7' }
const CLICK = { ...EVENT, event_type: 'click', ad_id: 'ad_biryani_first_order', item_id: 4 }
const ORDER = { ...EVENT, event_type: 'order', item_id: 4, price: 1, quantity: 1, order_type: 'placed' }
const VIEW = { ...EVENT, event_type: 'page_view' }
const text = (event: object) => JSON.stringify(event)
const TO_COME_MS = Date.UTC(2286, 0, 1)
/** Nearly what a raw topic takes at all; as a letter it is a third longer. */
const LONG_BYTES = 1_000_000
const NESTED_DEPTH = 50_000

/** What no gateway writes, and is no event of whatever topic it is in. */
const RUBBISH: readonly (string | Uint8Array)[] = [
  'what is this?',
  text(CLICK).slice(0, -1),
  Uint8Array.of(0xff, 0xfe, 0x00, 0x80, 0x22),
  Buffer.from(text({ ...VIEW, event_id: 'caf\u00e9' }), 'latin1'),
  'null',
  '[{"event_type":"click"}]',
  '{"event_type":"order"}',
  text({ ...CLICK, event_id: 'x', event_type: '__proto__' }),
  text({ ...ORDER, event_id: 'x', order_id: 'x', price: -1 }),
  // They would move time for everybody.
  text({ event_type: 'heartbeat', ts: TO_COME_MS }),
  text({ ...CLICK, event_id: 'x', ts: TO_COME_MS }),
  '['.repeat(NESTED_DEPTH) + ']'.repeat(NESTED_DEPTH),
  'x'.repeat(LONG_BYTES),
]
/** An empty value, and none at all: what others send for a key that is to be deleted. */
const EMPTY: readonly string[][] = [
  ['-K', '|'],
  ['-K', '|', '-Z'],
]
/** An event of another topic. */
const ELSEWHERE = { [CLICKS]: { ...ORDER, order_id: 'x' }, [ORDERS]: CLICK, [GENERAL]: CLICK } as const
/** Who buries what is no event, of each topic. */
const BURIED_BY = { [CLICKS]: ['stream', 'billing'], [ORDERS]: ['stream', 'billing'], [GENERAL]: ['workers'] } as const

/** A click, an order, a page view. */
const GOOD_COUNT = 3
/** Fits the form, and has text in it that the gateway refuses and not every store takes: an event like any other. */
const ODD: readonly [Topic, object][] = ['nul \u0000', 'half \ud800'].flatMap((odd, at): [Topic, object][] => [
  [CLICKS, { ...CLICK, event_id: odd, item_id: at + 1, session_id: odd }],
  [ORDERS, { ...ORDER, event_id: odd, item_id: at + 1, order_id: odd, item_name: odd }],
  [GENERAL, { ...VIEW, event_id: odd, properties: { [odd]: odd } }],
])

test('rubbish that kcat writes becomes dead letters with its bytes, and whatever comes behind it goes through', async () => {
  await using machine = await startEngineMachine({ env: { ...SMALL_BATCHES, ETL: 'off' } })
  const cluster = clusterOf(machine)
  const expected: string[] = []
  for (const topic of [CLICKS, ORDERS, GENERAL] as const) {
    const elsewhere = text({ ...ELSEWHERE[topic], event_id: 'elsewhere' })
    for (const value of [...RUBBISH, elsewhere]) await cluster.write(topic, value)
    for (const flags of EMPTY) await cluster.write(topic, 'k|', ...flags)
    for (const value of [...RUBBISH, elsewhere, ...EMPTY.map(() => '')]) {
      const base64 = Buffer.from(value).toString('base64')
      for (const reader of BURIED_BY[topic]) expected.push(`${reader} ${topic} invalid_event ${base64}`)
    }
  }
  for (const [topic, event] of ODD) await cluster.write(topic, text(event), '-k', '7')

  const user_id = 42
  const { event_id: clicked } = await post(machine, '/api/v1/clicks', { ad_id: 'ad_biryani_first_order', user_id })
  await post(machine, '/api/v1/orders', { item_id: 4, user_id, event_id: 'good' })
  const { event_id: viewed } = await post(machine, '/events', { event_type: 'page_view', user_id })
  const answers = async () => (await cluster.read(ATTRIBUTED)).map(({ payload }) => JSON.parse(payload) as AttributedEvent)
  await until('the good order is decided', async () => (await answers()).some(({ event_id: id }) => id === 'good'), DECIDED_MS_MAX)
  const earnedBy = Object.fromEntries((await answers()).map(({ event_id: id, click }) => [id, click?.event_id]))
  assert.deepEqual(earnedBy, { good: clicked, 'half \ud800': 'half \ud800', 'nul \u0000': 'nul \u0000' })
  await until('the good page view is processed', async () => (await machine.cli('trace', viewed)).stdout.includes('processed by'))

  const buried = async () => (await cluster.read(DEAD)).map(({ payload }) => JSON.parse(payload) as DeadLetter)
  await until('all of it is buried', async () => (await buried()).length >= expected.length, DECIDED_MS_MAX)
  const letters = await buried()
  const found = letters.map(({ reader, topic, reason, value_base64: base64 }) => `${reader} ${topic} ${reason} ${base64}`)
  // Not by deepEqual, which would print megabytes.
  const [want, have] = [expected, found].map((each) =>
    each.map((line) => createHash('sha256').update(line).digest('hex') + line.slice(0, 90)),
  )
  assert.deepEqual(have?.toSorted(), want?.toSorted())
  // Who looks for them finds them all.
  assert.deepEqual(idsOf(await deadLetters(machine)), idsOf(letters))
  const listed = await machine.cli('dead', 'list', '--limit', '500', '--json')
  assert.deepEqual(idsOf((JSON.parse(listed.stdout) as { letters: DeadLetter[] }).letters), idsOf(letters))
  // As it came, all of it is in the warehouse and in the lake.
  const records = Object.keys(BURIED_BY).length * (RUBBISH.length + 1 + EMPTY.length) + ODD.length + GOOD_COUNT + (await answers()).length
  for (const reader of ['loader', 'lake'])
    await until(`${reader} has read it`, async () => (await appliedBy(machine, reader)) === records, DECIDED_MS_MAX)
  await assertBalanced(machine)
})

async function appliedBy({ opsUrl }: Machine, reader: string): Promise<number | undefined> {
  const { readers } = (await (await fetch(`${opsUrl}/api/groups`)).json()) as Groups
  return readers.find(({ name }) => name === reader)?.tally.applied
}

const idsOf = (letters: readonly DeadLetter[]) => letters.map(({ dead_id: id }) => id).toSorted()
