import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { DAY_MS, DEAD, GENERAL } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { openLaneStore } from '../lane-store.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import { readerLoop, type Reader } from '../reader/loop.ts'
import { standingsIn } from '../reader/places.ts'
import { deadLetters, eventually, memoryStore, START, TOPICS } from '../reader/testing/fixture.ts'
import { deadShipper } from './dead-shipper.ts'
import { enrich } from './enrich.ts'
import { laneFigures, laneOf } from './lane-view.ts'
import { laneProcessor, WORKERS } from './processor.ts'
import { laneRetention } from './retention.ts'
import { laneMachine, RECEIVED, type LaneMachine } from './testing/fixture.ts'
import { worker } from './worker.ts'

const EVENTS = 2_400

async function withRaw(machine: LaneMachine, count: number) {
  const raw = openSqliteLog({ path: join(machine.folder, 'raw-log.db'), topics: TOPICS, clock: machine.clock })
  const records = Array.from({ length: count }, (_, at) => {
    const event = { event_id: `e${at}`, user_id: `u${at % 50}`, event_type: 'custom', received_at: RECEIVED, is_bot: false, ts: START }
    return { key: event.user_id, value: JSON.stringify(event), headers: { content_hash: String(at) } }
  })
  await raw.append(GENERAL, records)
  return raw
}

const readOf = ({ store }: LaneMachine) => standingsIn(store.db).reduce((sum, { read }) => sum + read, 0)
const processedOf = ({ rows }: LaneMachine) => rows('select event_id from processed_events').length

test('several workers share the work, and one takes over what another leaves', async () => {
  using machine = laneMachine()
  await using raw = await withRaw(machine, EVENTS)
  using other = openLaneStore(machine.store.path, TOPICS, machine.clock)
  const stops = [new AbortController(), new AbortController()] as const
  const options = { log: raw, work: enrich, clock: machine.clock, random: Math.random, logger: silentLogger }
  const running = [
    worker({ ...options, name: 'w1', store: machine.store })(stops[0].signal),
    worker({ ...options, name: 'w2', store: other })(stops[1].signal),
  ]
  await eventually(() => readOf(machine) === EVENTS, 'all was read')
  assert.equal(processedOf(machine), EVENTS)
  stops[1].abort()
  await running[1]
  await raw.append(
    GENERAL,
    Array.from({ length: 60 }, (_, at) => ({ key: `k${at}`, value: 'nonsense', headers: {} })),
  )
  await eventually(() => readOf(machine) === EVENTS + 60, 'one alone has read the rest')
  assert.equal((await machine.letters()).length, 60)
  const lane = laneOf(await raw.ends(GENERAL), laneFigures(machine.store.db, machine.clock()))
  assert.deepEqual(
    [lane.received, lane.processed, lane.failed, lane.duplicate, lane.queueLength, lane.pendingMessages, lane.workers],
    [EVENTS + 60, EVENTS, 60, 0, 0, 0, 1],
  )
  stops[0].abort()
  await running[0]
  assert.deepEqual(machine.rows('select * from lane_leases'), [])
})

test('two that both take a partition for theirs work nothing off twice: the place lets one of them pass', async () => {
  using machine = laneMachine()
  await using raw = await withRaw(machine, EVENTS)
  using other = openLaneStore(machine.store.path, TOPICS, machine.clock)
  const stop = new AbortController()
  const running = [machine.store, other].map((store, at) => {
    const { handler } = laneProcessor({
      store,
      worker: `w${at}`,
      work: enrich,
      clock: machine.clock,
      random: Math.random,
      logger: silentLogger,
    })
    const reader: Reader = { name: WORKERS, topics: [GENERAL], log: raw, handler, batchCountMax: 100, isMine: () => true }
    return readerLoop(reader, { db: store.db, path: store.path, derived: store.lane, clock: machine.clock, logger: silentLogger })(
      stop.signal,
    )
  })
  await eventually(() => processedOf(machine) === EVENTS, 'all was processed')
  stop.abort()
  await Promise.all(running)
  const standings = standingsIn(machine.store.db)
  const sum = (key: 'read' | 'applied' | 'duplicate') => standings.reduce((total, each) => total + each[key], 0)
  assert.deepEqual([sum('read'), sum('applied'), sum('duplicate')], [EVENTS, EVENTS, 0])
})

test('dead letters are copied once, and forgotten here when they are there; old rows go, and are counted', async () => {
  using machine = laneMachine()
  await using raw = await withRaw(machine, 10)
  using pipeline = memoryStore()
  const { store, clock } = machine
  await raw.append(
    GENERAL,
    Array.from({ length: 30 }, (_, at) => ({ key: `k${at}`, value: `nonsense ${at}`, headers: {} })),
  )
  const run = worker({ name: 'w1', log: raw, store, work: enrich, clock, random: Math.random, logger: silentLogger })
  const stop = new AbortController()
  const shipper = () =>
    readerLoop(
      { name: 'lane-dead', topics: [DEAD], log: store.lane, handler: deadShipper(pipeline.derived) },
      { db: pipeline.db, path: ':memory:', derived: pipeline.derived, clock, logger: silentLogger },
    )
  const running = [run(stop.signal), shipper()(stop.signal)]
  const copied = () => standingsIn(pipeline.db).reduce((sum, { read }) => sum + read, 0)
  await eventually(() => copied() === 30, 'all letters were copied')
  assert.deepEqual(await deadLetters(pipeline.derived), await machine.letters())

  machine.pass(TOPICS[GENERAL].retentionMs + DAY_MS + 1)
  // The newest row of a partition stays, whatever its age: so there is a newer one.
  store.lane.appendNow(
    DEAD,
    [0, 1, 2].map((partition) => ({ key: '', value: '{}', headers: {}, partition })),
  )
  const shipped = () => new Map(standingsIn(pipeline.db).map(({ partition, next }) => [partition, next]))
  const forgetting = laneRetention({ store, topics: TOPICS, shipped, clock: () => clock() + 1, logger: silentLogger })(stop.signal)
  await eventually(() => processedOf(machine) === 0, 'old rows are gone')
  await eventually(() => machine.rows('select * from log_batches').length <= 3, 'copied letters are gone')
  assert.deepEqual(machine.rows('select sum(processed) as forgotten from lane_forgotten'), [{ forgotten: 10 }])
  stop.abort()
  await Promise.all([...running, forgetting])
})

test('dead letters that have yet to be copied stay, however old they are', async () => {
  using machine = laneMachine()
  const { store, clock } = machine
  for (let at = 0; at < 3; at += 1) {
    store.lane.appendNow(
      DEAD,
      [0, 1, 2].map((partition) => ({ key: '', value: `${at}`, headers: {}, partition })),
    )
  }
  machine.pass(TOPICS[DEAD].retentionMs * 2)
  const stop = new AbortController()
  // In partition 0, one of three has been copied.
  const shipped = () => {
    stop.abort()
    return new Map([1, 0, 0].map((next, partition) => [partition, next]))
  }
  await laneRetention({ store, topics: TOPICS, shipped, clock, logger: silentLogger })(stop.signal)
  assert.deepEqual(
    (await store.lane.ends(DEAD)).map(({ start, end }) => [start, end]),
    [
      [1, 3],
      [0, 3],
      [0, 3],
    ],
  )
})
