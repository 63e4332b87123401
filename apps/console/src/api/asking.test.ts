import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepAsking, type Known } from './asking.ts'

const EVERY_MS = 100

/** A question whose answers and whose time are given by hand. */
function asked({ everyMs }: { everyMs: number | undefined } = { everyMs: EVERY_MS }) {
  const requests: { answer: (value: string) => Promise<void>; refuse: (why: string) => Promise<void>; signal: AbortSignal }[] = []
  const timers: { work: () => void; ms: number }[] = []
  const told: Known<string>[] = []
  let known: Known<string> = { isLoading: false }
  const seen = { isSeen: true }
  const stop = keepAsking<string>({
    ask(signal) {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      const settled = async (settle: () => void) => {
        settle()
        await new Promise((done) => setImmediate(done))
      }
      requests.push({ signal, answer: (value) => settled(() => resolve(value)), refuse: (why) => settled(() => reject(new Error(why))) })
      return promise
    },
    everyMs,
    isSeen: () => seen.isSeen,
    onChange: (change) => told.push((known = change(known))),
    later(work, ms) {
      const timer = { work, ms }
      timers.push(timer)
      return () => void timers.splice(timers.indexOf(timer), 1)
    },
  })
  /** The time is up. */
  const pass = () => timers.splice(0).forEach(({ work }) => work())
  return { requests, timers, told, stop, pass, seen, known: () => known }
}

test('an answer that takes longer than the pause arrives, and only then is it asked again', async () => {
  const { requests, timers, pass, known } = asked()
  pass()
  pass()
  assert.deepEqual([requests.length, timers.length], [1, 0])
  assert.equal(requests[0]?.signal.aborted, false)
  await requests[0]?.answer('slow')
  assert.deepEqual(known(), { data: 'slow', isLoading: false })
  assert.deepEqual(
    timers.map(({ ms }) => ms),
    [EVERY_MS],
  )
  pass()
  assert.equal(requests.length, 2)
  assert.deepEqual(known(), { data: 'slow', isLoading: true })
})

test('an error is kept while it is asked again, and with it the last answer', async () => {
  const { requests, pass, told, known } = asked()
  await requests[0]?.answer('first')
  pass()
  await requests[1]?.refuse('down')
  const failed = told.length
  pass()
  await requests[2]?.refuse('down still')
  for (const each of told.slice(failed - 1)) assert.ok(each.error && each.data === 'first')
  pass()
  await requests[3]?.answer('back')
  assert.deepEqual(known(), { data: 'back', isLoading: false })
})

test('nothing is asked while nobody looks, and it goes on when somebody does', async () => {
  const { requests, pass, seen } = asked()
  await requests[0]?.answer('a')
  seen.isSeen = false
  pass()
  pass()
  assert.equal(requests.length, 1)
  seen.isSeen = true
  pass()
  assert.equal(requests.length, 2)
})

test('once stopped, it says nothing more and asks nothing more', async () => {
  const { requests, timers, told, stop } = asked()
  const before = told.length
  stop()
  assert.equal(requests[0]?.signal.aborted, true)
  await requests[0]?.answer('late')
  assert.deepEqual([told.length, timers.length, requests.length], [before, 0, 1])
})

test('what is not to be repeated is asked once', async () => {
  const { requests, timers } = asked({ everyMs: undefined })
  await requests[0]?.answer('a')
  assert.deepEqual([timers.length, requests.length], [0, 1])
})
