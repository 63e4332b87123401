import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BACKOFF, backoffMs, retried, type Backoff } from './retry.ts'

const QUICK: Backoff = { firstMs: 1, longestMs: 2, random: () => 0.5 }
const never = new AbortController().signal

test('each wait is up to twice as long as the one before, and none longer than the longest', () => {
  const longest: Backoff = { firstMs: 100, longestMs: 10_000, random: () => 1 }
  const waits = Array.from({ length: 10 }, (_, tries) => backoffMs(tries + 1, longest))
  assert.deepEqual(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000])
  assert.equal(backoffMs(1_000_000, longest), 10_000)
})

test('chance spreads a wait between half of it and all', () => {
  const at = (random: number) => backoffMs(3, { ...BACKOFF, random: () => random })
  assert.deepEqual([at(0), at(0.5), at(1)], [200, 300, 400])
  for (let tries = 1; tries < 50; tries += 1) {
    const ms = backoffMs(tries, BACKOFF)
    assert.ok(ms >= BACKOFF.firstMs / 2 && ms <= BACKOFF.longestMs)
  }
})

test('tries again until it succeeds, and says how often it had failed', async () => {
  const asked: number[] = []
  let calls = 0
  const work = async () => {
    calls += 1
    if (calls < 4) throw new Error(`failure ${calls}`)
    return 'done'
  }
  const canRetry = (error: unknown, tries: number) => {
    assert.equal((error as Error).message, `failure ${tries}`)
    return asked.push(tries) > 0
  }
  assert.equal(await retried(work, canRetry, never, QUICK), 'done')
  assert.deepEqual(asked, [1, 2, 3])
})

test('what cannot be tried again is thrown at once', async () => {
  let calls = 0
  const work = () => {
    calls += 1
    return Promise.reject(new Error('for good'))
  }
  await assert.rejects(
    retried(work, () => false, never, QUICK),
    /for good/,
  )
  assert.equal(calls, 1)
})

test('work that throws before it promises anything is tried again too', async () => {
  let calls = 0
  const work = (): Promise<string> => {
    calls += 1
    if (calls === 1) throw new Error('at once')
    return Promise.resolve('done')
  }
  assert.equal(await retried(work, () => true, never, QUICK), 'done')
})

test('told to stop, it does not wait out its pause', async () => {
  const stop = new AbortController()
  const long: Backoff = { firstMs: 60_000, longestMs: 60_000, random: () => 0 }
  const begun = performance.now()
  const result = retried(
    () => Promise.reject(new Error('again')),
    () => {
      setImmediate(() => stop.abort())
      return true
    },
    stop.signal,
    long,
  )
  assert.equal(await result, undefined)
  assert.ok(performance.now() - begun < 5_000)
})

test('stopped before it began, it does nothing', async () => {
  let calls = 0
  const work = async () => (calls += 1)
  assert.equal(await retried(work, () => true, AbortSignal.abort(), QUICK), undefined)
  assert.equal(calls, 0)
})
