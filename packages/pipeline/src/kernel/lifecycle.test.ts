import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aborted, pause, runAll, type Part } from './lifecycle.ts'

const never = new AbortController().signal

/** A part that works until it is stopped, and notes that it was. */
function lasting(name: string, stopped: string[]): Part {
  return async (signal) => {
    await aborted(signal)
    stopped.push(name)
  }
}

test('all parts run until the signal, and each drains before it is over', async () => {
  const stop = new AbortController()
  const stopped: string[] = []
  const draining: Part = async (signal) => {
    await aborted(signal)
    await new Promise((resolve) => setTimeout(resolve, 5))
    stopped.push('draining')
  }
  const running = runAll([lasting('a', stopped), draining, lasting('b', stopped)], stop.signal)
  assert.equal(stopped.length, 0)
  stop.abort()
  await running
  assert.deepEqual(new Set(stopped), new Set(['a', 'b', 'draining']))
})

test('the first to fail stops the others, and its error is the one thrown', async () => {
  const stopped: string[] = []
  const failing: Part = async () => Promise.reject(new Error('first'))
  const failsWhenStopped: Part = async (signal) => {
    await aborted(signal)
    throw new Error('second')
  }
  await assert.rejects(runAll([lasting('a', stopped), failing, failsWhenStopped], never), /first/)
  assert.deepEqual(stopped, ['a'])
})

test('a part that fails before it promises anything stops the others too', async () => {
  const stopped: string[] = []
  const throwing: Part = () => {
    throw new Error('at once')
  }
  await assert.rejects(runAll([lasting('a', stopped), throwing], never), /at once/)
  assert.deepEqual(stopped, ['a'])
})

test('a part that fails with nothing still fails', async () => {
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what a library may do
  await assert.rejects(runAll([() => Promise.reject(undefined)], never), (error) => error === undefined)
})

test('one that is done leaves the others running', async () => {
  const stop = new AbortController()
  const stopped: string[] = []
  const running = runAll([async () => undefined, lasting('a', stopped)], stop.signal)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(stopped, [])
  stop.abort()
  await running
  assert.deepEqual(stopped, ['a'])
})

test('no part is over at once, and none hangs when it is already stopped', async () => {
  await runAll([], never)
  const stopped: string[] = []
  await runAll([lasting('a', stopped)], AbortSignal.abort())
  assert.deepEqual(stopped, ['a'])
})

test('a pause lasts as long as it says, and ends when it is stopped', async () => {
  const begun = performance.now()
  await pause(20, never)
  assert.ok(performance.now() - begun >= 18)
  const stop = new AbortController()
  setImmediate(() => stop.abort())
  await pause(60_000, stop.signal)
  await pause(60_000, stop.signal)
  assert.ok(performance.now() - begun < 10_000)
})
