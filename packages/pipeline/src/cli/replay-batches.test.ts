import assert from 'node:assert/strict'
import test from 'node:test'
import { BATCH_COUNT_MAX, BODY_BYTES_MAX } from '@flowguard/contract'
import { batchesOf, retimed, type BatchOptions } from './replay-batches.ts'
import { sendable, type FileEvent } from './replay-file.ts'

const OPTIONS: BatchOptions = {
  sha256: 'f'.repeat(64),
  afterLine: 0,
  retime: null,
  speed: Infinity,
  clock: Date.now,
  signal: new AbortController().signal,
}
const START = Date.parse('2026-01-01T00:00:00Z')

function events(count: number, make: (line: number) => Record<string, unknown> = (line) => ({ event_id: `e${line}` })): FileEvent[] {
  return Array.from({ length: count }, (_, at) => sendable(at + 1, make(at + 1), JSON.stringify(make(at + 1))))
}

async function* stream(...parts: FileEvent[][]) {
  yield* parts
}

const sent = (body: string) =>
  body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test('a batch has at most 500 events and 1 MiB, in the order of the file', async () => {
  const batches = await Array.fromAsync(batchesOf(stream(events(1_201)), OPTIONS))
  assert.deepEqual(
    batches.map(({ lines }) => lines.length),
    [BATCH_COUNT_MAX, BATCH_COUNT_MAX, 201],
  )
  assert.deepEqual(
    batches.flatMap(({ body }) => sent(body).map((event) => event['event_id'])),
    events(1_201).map(({ line }) => `e${line}`),
  )
  const large = await Array.fromAsync(
    batchesOf(stream(events(100, (line) => ({ event_id: `e${line}`, note: 'é'.repeat(15_000) }))), OPTIONS),
  )
  assert.ok(large.length > 2)
  for (const { body } of large) assert.ok(Buffer.byteLength(body) <= BODY_BYTES_MAX)
})

test('lines that are no event are handed on as they come, however many they are', async () => {
  const faults = Array.from({ length: 1_201 }, (_, at): FileEvent => ({ line: at + 1, fault: 'malformed_json', detail: 'not JSON' }))
  const batches = await Array.fromAsync(batchesOf(stream(faults), OPTIONS))
  assert.deepEqual(
    batches.map((batch) => [batch.faults.length, batch.lastLine]),
    [
      [BATCH_COUNT_MAX, 500],
      [BATCH_COUNT_MAX, 1_000],
      [201, 1_201],
    ],
  )
})

test('an event without an id gets one from the file and its line, the same each time', async () => {
  const make = (line: number) =>
    [{ event_id: 'own' }, { event_id: 'string' }, { event_id: '' }, { event_id: null }, {}][line - 1] as Record<string, unknown>
  const ids = async (sha256: string) => {
    const [batch] = await Array.fromAsync(batchesOf(stream(events(5, make)), { ...OPTIONS, sha256 }))
    return sent(batch?.body ?? '').map((event) => event['event_id'] as string)
  }
  const first = await ids('a')
  assert.equal(first[0], 'own')
  assert.equal(new Set(first).size, 5)
  for (const id of first.slice(1)) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.deepEqual(await ids('a'), first)
  assert.notDeepEqual(await ids('b'), first)
  // Held for good (worked out with Python's uuid5): what was sent last year must be known today.
  assert.equal(first[4], '1329e678-a465-5440-8703-ead9311f47f9')
})

test('lines up to the one noted are passed over, and faults travel with their batch', async () => {
  const faulty: FileEvent = { line: 4, fault: 'malformed_json', detail: '' }
  const [batch] = await Array.fromAsync(
    batchesOf(stream(events(3), [faulty], [{ ...events(5)[4]!, line: 5 }]), { ...OPTIONS, afterLine: 2 }),
  )
  assert.deepEqual(batch?.lines, [3, 5])
  assert.deepEqual(batch?.faults, [faulty])
  assert.equal(batch?.lastLine, 5)
})

test('a file that ends in faults is read to its end', async () => {
  const batches = await Array.fromAsync(batchesOf(stream([{ line: 7, fault: 'malformed_json', detail: '' }]), OPTIONS))
  assert.deepEqual(
    batches.map(({ lines, lastLine }) => [lines.length, lastLine]),
    [[0, 7]],
  )
})

test('times are moved, and keep their distances divided by the speed', async () => {
  assert.equal(retimed(5_000, { from: 1_000, to: 100_000, speed: 2 }), 102_000)
  const make = (line: number) =>
    line === 2 ? { event_id: 'b' } : { event_id: `e${line}`, timestamp: new Date(START + line * 1_000).toISOString() }
  const [batch] = await Array.fromAsync(
    batchesOf(stream(events(3, make)), { ...OPTIONS, retime: { from: START + 3_000, to: START + 1e9, speed: 1 } }),
  )
  const moved = sent(batch?.body ?? '').map((event) => event['timestamp'])
  assert.deepEqual(moved, [new Date(START + 1e9 - 2_000).toISOString(), undefined, new Date(START + 1e9).toISOString()])
  assert.equal(batch?.lastTime, START + 1e9)
})

test('at a speed, nothing is sent before its time', async () => {
  const make = (line: number) => ({ event_id: `e${line}`, timestamp: new Date(START + line * 1_000).toISOString() })
  const startedAt = performance.now()
  const sentAt: number[] = []
  for await (const { lines } of batchesOf(stream(events(5, make)), { ...OPTIONS, speed: 20 })) {
    for (const line of lines) sentAt[line - 1] = performance.now() - startedAt
  }
  sentAt.forEach((ms, at) => assert.ok(ms >= at * 50 - 5, `event ${at + 1} went out after ${ms} ms`))
})

test('an interruption ends the waiting', async () => {
  const stop = new AbortController()
  const make = (line: number) => ({ event_id: `e${line}`, timestamp: new Date(START + line * 3_600_000).toISOString() })
  const lines: number[] = []
  for await (const batch of batchesOf(stream(events(3, make)), { ...OPTIONS, speed: 1, signal: stop.signal })) {
    lines.push(...batch.lines)
    stop.abort()
  }
  assert.deepEqual(lines, [1])
})
