import assert from 'node:assert/strict'
import test from 'node:test'
import { waitingFor, type Progress } from './replay-drain.ts'

const DONE: Progress = {
  readers: [
    { name: 'stream', lag: 0, caught_up: true },
    { name: 'billing', lag: 0, caught_up: true },
  ],
  watermark_ms: 1_000,
  pending_orders: 0,
  outbox: 0,
}
const STILL = { watermarkMs: 1_000, isLive: false }
const LIVE = { watermarkMs: 1_000, isLive: true }

test('all is done when nothing waits and the watermark has passed', () => {
  assert.deepEqual(waitingFor(DONE, STILL, new Set()), [])
  assert.deepEqual(waitingFor({ ...DONE, watermark_ms: null }, { watermarkMs: null, isLive: false }, new Set()), [])
})

test('each thing that is not done is named', () => {
  const readers = [
    { name: 'stream', lag: 7, caught_up: false },
    { name: 'billing', lag: 0, caught_up: false },
  ]
  const waits = waitingFor({ readers, watermark_ms: 400, pending_orders: 3, outbox: 2 }, STILL, new Set())
  assert.deepEqual(waits, [
    'time to pass (600 ms to go)',
    'stream (7 behind)',
    'billing (0 behind)',
    'outbox (2 orders)',
    '3 orders waiting for time to pass',
  ])
})

test('neither the lake nor a channel of alerts that is down is waited for', () => {
  const readers = ['lake', 'notify-pager'].map((name) => ({ name, lag: 7, caught_up: false }))
  assert.deepEqual(waitingFor({ ...DONE, readers: [...DONE.readers, ...readers] }, STILL, new Set()), [])
})

test('before the first time in every partition, that is what is waited for', () => {
  assert.deepEqual(waitingFor({ ...DONE, watermark_ms: null }, STILL, new Set()), ['time to begin'])
})

test('while others send, each thing has to be done only once after the watermark', () => {
  const seen = new Set<string>()
  const busy = (name: string): Progress => ({
    ...DONE,
    readers: DONE.readers.map((each) => (each.name === name ? { ...each, lag: 5 } : each)),
    pending_orders: 4,
  })
  assert.deepEqual(waitingFor({ ...busy('billing'), watermark_ms: 999 }, LIVE, seen), ['time to pass (1 ms to go)', 'billing (5 behind)'])
  assert.deepEqual(waitingFor(busy('billing'), LIVE, seen), ['billing (5 behind)'])
  assert.deepEqual(waitingFor(busy('stream'), LIVE, seen), [])
})
