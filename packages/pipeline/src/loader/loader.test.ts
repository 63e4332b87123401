import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { FlowGuardError, hasCode, type ErrorCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { silentLogger } from '../kernel/logging.ts'
import type { EventLog, LogRecord } from '../log/event-log.ts'
import { logWithout } from '../reader/testing/deleted.ts'
import { memoryStore } from '../reader/testing/fixture.ts'
import type { Batch, Bronze, LoadPlace, LoadStep } from '../warehouse/warehouse.ts'
import { loader, loadToLevel, type LoaderOptions } from './loader.ts'
import { loaderStandings, mirrorIn } from './mirror.ts'

const NEVER = new AbortController().signal

/** A log of one partition with so many records. */
function logOf(count: number, id = 'log-1') {
  const records = Array.from({ length: count }, (_, offset) => ({ topic: CLICKS, partition: 0, offset }) as LogRecord)
  return {
    id,
    ends: async () => [{ partition: 0, start: 0, end: records.length }],
    read: async ([place]: readonly { next: number }[], { countMax }: { countMax: number }) =>
      records.slice(place?.next ?? 0, (place?.next ?? 0) + countMax),
  } as unknown as EventLog
}

interface FakeBatch extends Batch {
  steps: LoadStep[]
}

/** A warehouse that only keeps places; `onLoad` is asked before each load and may fail it, or tell that it fails after the commit. */
function bronzeOf(
  onLoad: (loads: number) => Promise<ErrorCode | 'after commit' | undefined> = async () => undefined,
  places: LoadPlace[] = [],
) {
  const counts: number[] = []
  let loads = 0
  const bronze: Bronze = {
    places: async () => places,
    async begin(from) {
      for (const { topic, partition, next, logId } of from) {
        if (places.length === 0) places.push({ topic, partition, next, logId, began: next, expired: 0, read: 0, applied: 0, skipped: 0 })
      }
      return places.map((each) => ({ ...each }))
    },
    async expire(stretches) {
      for (const { from, to } of stretches) {
        const place = places.find(({ next }) => next === from) as LoadPlace
        Object.assign(place, { next: to, expired: place.expired + to - from })
      }
      return places.map((each) => ({ ...each }))
    },
    async batch() {
      const steps: LoadStep[] = []
      let count = 0
      const batch: FakeBatch = {
        steps,
        add(records) {
          count += records.length
          const first = records[0]?.offset ?? 0
          steps[0] ??= { topic: CLICKS, partition: 0, from: first, next: first, read: 0, applied: 0, skipped: 0 }
          Object.assign(steps[0], { next: (records.at(-1)?.offset ?? 0) + 1, read: count, applied: count })
        },
        get count() {
          return count
        },
        [Symbol.dispose]: () => undefined,
      }
      return batch
    },
    async load({ steps, count }) {
      const fails = await onLoad((loads += 1))
      if (fails && fails !== 'after commit') throw new FlowGuardError(fails, 'planted')
      const [step] = steps as [LoadStep]
      const [place] = places as [LoadPlace]
      if (place.next !== step.from) throw new FlowGuardError('place_moved', `at ${place.next}, not ${step.from}`)
      Object.assign(place, { next: step.next, read: place.read + step.read, applied: place.applied + step.applied })
      counts.push(count)
      if (fails) throw new FlowGuardError('disk_full', 'planted, after the commit')
    },
  }
  return { bronze, counts, places }
}

function optionsOf(bronze: Bronze, log: EventLog, more: Partial<LoaderOptions> = {}) {
  const store = memoryStore()
  const mirror = mirrorIn(store.db, ':memory:')
  const feeds = [{ log, topics: [CLICKS] as const }]
  return { store, options: { bronze, feeds, mirror, rowsMax: 1_000, ageMs: 5, clock: () => 0, logger: silentLogger, ...more } }
}

test('what the log holds is loaded in batches of the size given, and the mirror says so', async () => {
  const { bronze, counts } = bronzeOf()
  const { store, options } = optionsOf(bronze, logOf(2_500))
  using _store = store
  let told = 0
  await loadToLevel(options, NEVER, (rows) => (told += rows))
  assert.deepEqual(counts, [1_000, 1_000, 500])
  assert.equal(told, 2_500)
  const [standing] = loaderStandings(store.db)
  assert.deepEqual([standing?.next, standing?.read, standing?.applied], [2_500, 2_500, 2_500])
})

test('a batch without rows may wait longer, until one comes', async () => {
  const { bronze, places } = bronzeOf()
  let applied = 0
  const placesNow = () => places[0]
  const quiet: Bronze = {
    ...bronze,
    async batch(of) {
      const batch = await bronze.batch(of)
      const steps = () => batch.steps.map((step) => ({ ...step, applied }))
      return Object.defineProperty(Object.create(batch) as Batch, 'steps', { get: steps })
    },
  }
  const { store, options } = optionsOf(quiet, logOf(10), { quietMs: 60_000 })
  using _store = store
  const stop = new AbortController()
  const running = loader(options)(stop.signal)
  for (let turn = 0; turn < 20; turn += 1) await pause(options.ageMs, NEVER)
  assert.equal(placesNow()?.next, 0, 'not for heartbeats alone')
  applied = 1
  while (placesNow()?.next !== 10) await pause(options.ageMs, AbortSignal.timeout(5_000))
  stop.abort()
  await running
})

test('the next batch is made ready while the last is loaded', async () => {
  const gate = Promise.withResolvers<void>()
  const { bronze } = bronzeOf(async (loads) => {
    if (loads === 1) await gate.promise
    return undefined
  })
  let filled = 0
  const counting: Bronze = { ...bronze, batch: async (of) => ((filled += 1), bronze.batch(of)) }
  const { store, options } = optionsOf(counting, logOf(3_000))
  using _store = store
  const done = loadToLevel(options, NEVER, () => undefined)
  while (filled < 2) await new Promise((resolve) => setImmediate(resolve))
  gate.resolve()
  await done
})

test('a batch that cannot be loaded just now is loaded later, once, and those behind it after it', async () => {
  const { bronze, counts, places } = bronzeOf(async (loads) => (loads === 1 ? 'disk_full' : loads === 2 ? 'warehouse_failed' : undefined))
  const { store, options } = optionsOf(bronze, logOf(1_500))
  using _store = store
  await loadToLevel(options, NEVER, () => undefined)
  assert.deepEqual(counts, [1_000, 500])
  assert.equal(places[0]?.next, 1_500)
})

test('a batch whose commit came through although it failed is not loaded again', async () => {
  const { bronze, counts } = bronzeOf(async (loads) => (loads === 1 ? 'after commit' : undefined))
  const { store, options } = optionsOf(bronze, logOf(1_500))
  using _store = store
  await loadToLevel(options, NEVER, () => undefined)
  assert.deepEqual(counts, [1_000, 500])
  assert.equal(loaderStandings(store.db)[0]?.read, 1_500)
})

test('stopped while a batch is tried again, it ends, and the mirror does not say that it was loaded', { timeout: 10_000 }, async () => {
  const stop = new AbortController()
  const { bronze, counts } = bronzeOf(async () => (stop.abort(), 'disk_full'))
  const { store, options } = optionsOf(bronze, logOf(10))
  using _store = store
  await loader(options)(stop.signal)
  assert.deepEqual(counts, [])
  assert.equal(loaderStandings(store.db)[0]?.read, 0)
})

test('a warehouse that lacks what was loaded once is refused, and so is one of another log', async () => {
  const first = bronzeOf()
  const { store, options } = optionsOf(first.bronze, logOf(10))
  using _store = store
  await loadToLevel(options, NEVER, () => undefined)
  const lost = { ...options, bronze: bronzeOf().bronze }
  await assert.rejects(
    loadToLevel(lost, NEVER, () => undefined),
    (error) => hasCode(error, 'warehouse_missing'),
  )
  const other = { ...options, feeds: [{ log: logOf(10, 'log-2'), topics: [CLICKS] as const }] }
  await assert.rejects(
    loadToLevel(other, NEVER, () => undefined),
    (error) => hasCode(error, 'log_replaced'),
  )
})

test('a warehouse that cannot be used ends nothing: the loader goes on once it can, and stops when it is told', async () => {
  let isHeld = true
  const { bronze, counts } = bronzeOf()
  const held: Bronze = {
    ...bronze,
    places: async () => {
      if (isHeld) throw new FlowGuardError('warehouse_held', 'planted')
      return bronze.places()
    },
  }
  let said = 0
  const logger = { ...silentLogger, error: () => ((said += 1), (isHeld = said < 2)) } as unknown as typeof silentLogger
  const { store, options } = optionsOf(held, logOf(10), { logger })
  using _store = store
  const stop = new AbortController()
  const running = loader(options)(stop.signal)
  while (counts.length === 0) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await running
  assert.equal(said, 2)
  assert.deepEqual(counts, [10])
})

test('a batch that fails for good is noticed although nothing more comes in', { timeout: 10_000 }, async () => {
  const { bronze } = bronzeOf(async () => 'warehouse_corrupt')
  const stop = new AbortController()
  const logger = { ...silentLogger, error: () => stop.abort() } as unknown as typeof silentLogger
  const { store, options } = optionsOf(bronze, logOf(10), { logger })
  using _store = store
  await loader(options)(stop.signal)
  assert.ok(stop.signal.aborted)
})

test('a log that was replaced ends the loader, as it does every reader', async () => {
  const place: LoadPlace = { topic: CLICKS, partition: 0, next: 5, logId: 'log-0', began: 0, expired: 0, read: 5, applied: 5, skipped: 0 }
  const { bronze } = bronzeOf(async () => undefined, [place])
  const { store, options } = optionsOf(bronze, logOf(10))
  using _store = store
  await assert.rejects(loader(options)(NEVER), (error) => hasCode(error, 'log_replaced'))
})

test('what the log deleted before it was loaded is booked as expired, and the loader goes on behind it', { timeout: 10_000 }, async () => {
  const { bronze, counts, places } = bronzeOf()
  const said: object[] = []
  const log = logOf(2_500)
  const { store, options } = optionsOf(bronze, log, { rowsMax: 500 })
  using _store = store
  const stop = new AbortController()
  const error = (what: { code: string }) => void said.push(what)
  // Half of it goes while the loader is at work.
  let isDeleted = false
  const read: EventLog['read'] = async (asked, limit) => {
    isDeleted ||= counts.length > 0
    const at = isDeleted ? logWithout(log, { topic: CLICKS, partition: 0, before: 2_000 }) : log
    return at.read(asked, limit)
  }
  const ends: EventLog['ends'] = async () => [{ partition: 0, start: isDeleted ? 2_000 : 0, end: 2_500 }]
  const feeds = [{ log: { ...log, read, ends }, topics: [CLICKS] as const }]
  const running = loader({ ...options, feeds, logger: { ...silentLogger, error } })(stop.signal)
  while (places[0]?.next !== 2_500) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await running
  const loaded = counts.reduce((sum, count) => sum + count, 0)
  const from = loaded - 500
  assert.ok(from >= 500 && from < 2_000, String(from))
  assert.deepEqual(said.at(-1), { code: 'log_expired', reader: 'loader', topic: CLICKS, partition: 0, from, to: 2_000 })
  const [standing] = loaderStandings(store.db)
  assert.deepEqual([standing?.began, standing?.expired, standing?.next, standing?.read], [0, 2_000 - from, 2_500, loaded])
})
