import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowGuardError } from './errors.ts'
import { underLease, type Leases } from './lease.ts'
import { aborted, type Part } from './lifecycle.ts'
import { silentLogger, type Logger } from './logging.ts'
import { measures } from './measures.ts'

const LEASE_MS = 2_000
const LIMIT_MS = 10_000
const neverStuck = () => assert.fail('it did stop')
const QUICK = { logger: silentLogger, leaseMs: LEASE_MS, onStuck: neverStuck }

/** One lease of one store in this process, by this process's clock. */
function storeOf() {
  const store = { owner: '', epoch: 0, until: 0, failure: undefined as Error | undefined }
  const leasesOf = (owner: string): Leases => ({
    async acquire(_name, leaseMs) {
      if (store.failure) throw store.failure
      const now = performance.now()
      if (store.owner !== owner && store.until > now) return undefined
      if (store.owner !== owner || store.until <= now) store.epoch += 1
      Object.assign(store, { owner, until: now + leaseMs })
      return store.epoch
    },
    async release() {
      if (store.failure) throw store.failure
      if (store.owner === owner) store.until = 0
    },
  })
  return { store, leasesOf }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  while (!condition()) {
    assert.ok(performance.now() < deadline, `waited too long until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Notes when it runs and under which epoch. */
function partOf(runs: string[], owner: string): (signal: AbortSignal, epoch: number) => Promise<void> {
  return async (signal, epoch) => {
    runs.push(`${owner} begins ${epoch}`)
    await aborted(signal)
    runs.push(`${owner} ends ${epoch}`)
  }
}

function running(part: Part) {
  const stop = new AbortController()
  const done = part(stop.signal)
  return { done, stop: () => (stop.abort(), done) }
}

test('one of two runs the part, and the other once that is stopped', async () => {
  const { store, leasesOf } = storeOf()
  const runs: string[] = []
  const first = running(underLease(leasesOf('a'), 'relay', partOf(runs, 'a'), QUICK))
  await until(() => runs.length === 1, 'the first runs')
  const second = running(underLease(leasesOf('b'), 'relay', partOf(runs, 'b'), QUICK))
  const heldSince = store.until
  await until(() => store.until > heldSince + LEASE_MS, 'the lease was renewed')
  assert.deepEqual(runs, ['a begins 1'])
  await first.stop()
  assert.equal(store.until, 0)
  await until(() => runs.length === 3, 'the second runs')
  await second.stop()
  assert.deepEqual(runs, ['a begins 1', 'a ends 1', 'b begins 2', 'b ends 2'])
})

test('a lease that went to another stops the part, which runs again when it is free', async () => {
  const { store, leasesOf } = storeOf()
  const runs: string[] = []
  const first = running(underLease(leasesOf('a'), 'relay', partOf(runs, 'a'), QUICK))
  await until(() => runs.length === 1, 'it runs')
  Object.assign(store, { owner: 'b', epoch: 2, until: Infinity })
  await until(() => runs.length === 2, 'it was stopped')
  store.until = 0
  await until(() => runs.length === 3, 'it runs again')
  await first.stop()
  assert.deepEqual(runs, ['a begins 1', 'a ends 1', 'a begins 3', 'a ends 3'])
})

test('a store that does not answer for less than the lease changes nothing; for longer, the part has stopped before another may begin', async () => {
  const { store, leasesOf } = storeOf()
  const runs: string[] = []
  const part = running(underLease(leasesOf('a'), 'relay', partOf(runs, 'a'), QUICK))
  await until(() => runs.length === 1, 'it runs')
  store.failure = new FlowGuardError('database_unavailable', 'down')
  await until(() => runs.length === 2, 'it was stopped')
  assert.ok(performance.now() < store.until, 'before the lease was free for others')
  store.failure = undefined
  await until(() => runs.length === 3, 'it runs again')
  store.failure = new FlowGuardError('database_unavailable', 'down')
  await part.stop()
  assert.equal(runs.length, 4)
})

test('a store that does not answer is told from another that holds the lease, in the log and for /readyz, and the part runs again by itself', async () => {
  const { store, leasesOf } = storeOf()
  const said: string[] = []
  const tell = (_fields: object, message: string) => said.push(message)
  const logger = { ...silentLogger, info: tell, warn: tell } as unknown as Logger
  const state = () => measures.leases.get('relay')
  const runs: string[] = []
  const part = running(underLease(leasesOf('a'), 'relay', partOf(runs, 'a'), { ...QUICK, logger }))
  await until(() => state() === 'held', 'it is held')
  store.failure = new FlowGuardError('database_unavailable', 'down')
  await until(() => runs.length === 2, 'it was stopped')
  assert.equal(state(), 'unknown')
  await until(() => performance.now() > store.until, 'the lease has lapsed for everybody')
  assert.equal(state(), 'unknown')
  store.failure = undefined
  await until(() => runs.length === 3, 'it runs again')
  assert.equal(state(), 'held')
  await part.stop()
  assert.deepEqual(said, [
    'lease relay: held',
    'lease relay: cannot be asked for, trying again',
    'lease relay: could not be renewed in time; what it is for waits until it is held again',
    'lease relay: can be asked for again',
    'lease relay: held',
  ])
  assert.deepEqual(runs.slice(0, 3), ['a begins 1', 'a ends 1', 'a begins 2'])
})

test('what the part fails with ends it, and so does a store that will never answer; the lease is free then', async () => {
  const { store, leasesOf } = storeOf()
  const broken = new Error('broken')
  await assert.rejects(running(underLease(leasesOf('a'), 'relay', () => Promise.reject(broken), QUICK)).done, broken)
  assert.equal(store.until, 0)
  const runs: string[] = []
  const part = running(underLease(leasesOf('a'), 'relay', partOf(runs, 'a'), QUICK))
  await until(() => runs.length === 1, 'it runs')
  store.failure = new FlowGuardError('database_refused', 'no')
  await assert.rejects(part.done, store.failure)
  assert.equal(runs.length, 2)
})

test('a part that ends by itself ends it', async () => {
  const { store, leasesOf } = storeOf()
  await running(underLease(leasesOf('a'), 'once', async () => undefined, QUICK)).done
  assert.equal(store.until, 0)
})

test('what has lost its lease and does not stop is given up, once its time is over and not before', async () => {
  const { store, leasesOf } = storeOf()
  let [isRunning, stuckCount] = [false, 0]
  const ended = Promise.withResolvers<void>()
  const deaf = async () => {
    isRunning = true
    await ended.promise
  }
  const onStuck = () => void (stuckCount += 1)
  const part = running(underLease(leasesOf('a'), 'relay', deaf, { ...QUICK, onStuck, stoppingMsMax: 50 }))
  await until(() => isRunning, 'it runs')
  assert.equal(stuckCount, 0)
  store.failure = new FlowGuardError('database_unavailable', 'down')
  await until(() => stuckCount === 1, 'it is given up')
  ended.resolve()
  await part.stop()
  assert.equal(stuckCount, 1)
})
