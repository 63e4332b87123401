import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DAY_MS, DEAD, GENERAL } from '@flowguard/contract'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { observeReader } from '../kernel/observer.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import type { EventLog, Place } from '../log/event-log.ts'
import { readerLoop } from '../reader/loop.ts'
import { standingsIn } from '../reader/places.ts'
import { readerRounds } from '../reader/rounds.ts'
import { logWithout } from '../reader/testing/deleted.ts'
import { deadLetters, memoryStore, START, TOPICS } from '../reader/testing/fixture.ts'
import { deadShipper } from './dead-shipper.ts'
import { laneEffects } from './effects.ts'
import { enrich } from './enrich.ts'
import { LEASE_MS, leasesOf } from './leases.ts'
import { WORKERS } from './processor.ts'
import { laneRetention } from './retention.ts'
import { RECEIVED, until, type LaneMachine, type WithLane } from './testing/fixture.ts'
import { worker } from './worker.ts'

const EVENTS = 2_400
const PARTITIONS = 6

/** Many workers on one topic, what becomes of their dead letters, and what is forgotten. */
export function companyConformance(withLane: WithLane): void {
  leaseConformance(withLane)
  workersConformance(withLane)
  expiryConformance(withLane)
  lettersConformance(withLane)
}

function leaseConformance(withLane: WithLane): void {
  const holder = async (machine: LaneMachine, owner: string) => {
    const leases = leasesOf({
      store: await machine.another(),
      owner,
      partitions: PARTITIONS,
      clock: machine.clock,
      logger: silentLogger,
    })
    return { ...leases, holds: () => Array.from({ length: PARTITIONS }, (_, at) => at).filter(leases.isMine) }
  }
  const sorted = (all: readonly { holds(): number[] }[]) => all.flatMap((each) => each.holds()).toSorted((a, b) => a - b)

  withLane('partitions are shared evenly, and each is one worker’s', async (machine) => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => holder(machine, name)))
    for (let round = 0; round < 3; round += 1) for (const each of all) await each.renew()
    assert.deepEqual(
      all.map((each) => each.holds().length),
      [2, 2, 1, 1],
    )
    assert.deepEqual(sorted(all), [0, 1, 2, 3, 4, 5])
    await all[1]!.release()
    for (const each of [all[0]!, all[2]!, all[3]!]) await each.renew()
    assert.deepEqual(all[1]!.holds(), [])
    assert.deepEqual(sorted(all), [0, 1, 2, 3, 4, 5])
  })

  withLane('those that come at once take no partition twice', async (machine) => {
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => holder(machine, name)))
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(all.map((each) => each.renew()))
      const held = (await machine.rows('select owner from lane_leases')).length
      assert.ok(held <= PARTITIONS)
    }
    assert.deepEqual(sorted(all), [0, 1, 2, 3, 4, 5])
  })

  withLane('what a worker held that says nothing any more is another’s when its lease has lapsed, and not before', async (machine) => {
    const [dead, heir] = [await holder(machine, 'dead'), await holder(machine, 'heir')]
    for (let round = 0; round < 2; round += 1) for (const each of [dead, heir]) await each.renew()
    machine.pass(LEASE_MS - 1)
    await heir.renew()
    assert.deepEqual([dead.holds().length, heir.holds().length], [3, 3])
    machine.pass(1)
    assert.deepEqual(dead.holds(), [])
    await heir.renew()
    assert.deepEqual(heir.holds(), [0, 1, 2, 3, 4, 5])
  })
}

async function withRaw(machine: LaneMachine, count: number) {
  const raw = openSqliteLog({ path: join(machine.folder, 'raw-log.db'), topics: TOPICS, clock: machine.clock })
  const records = Array.from({ length: count }, (_, at) => {
    const event = { event_id: `e${at}`, user_id: `u${at % 50}`, event_type: 'custom', received_at: RECEIVED, is_bot: false, ts: START }
    return { key: event.user_id, value: JSON.stringify(event), headers: { content_hash: String(at) } }
  })
  await raw.append(GENERAL, records)
  return raw
}

const nonsense = (count: number) => Array.from({ length: count }, (_, at) => ({ key: `k${at}`, value: `nonsense ${at}`, headers: {} }))

async function sumsOf(machine: LaneMachine) {
  const all = await machine.store.standings()
  const sum = (key: 'read' | 'applied' | 'duplicate' | 'dead') => all.reduce((total, each) => total + each[key], 0)
  return { read: sum('read'), applied: sum('applied'), duplicate: sum('duplicate'), dead: sum('dead') }
}

const processedOf = async (machine: LaneMachine) => (await machine.rows('select event_id from processed_events')).length

function workersConformance(withLane: WithLane): void {
  withLane('several workers share the work, and one takes over what another leaves', async (machine) => {
    await using raw = await withRaw(machine, EVENTS)
    const noted = new Map<number, number>()
    // Only its own partitions: another's place may be older where it is noted.
    const noteRead = (reader: string, places: readonly Place[]) => {
      assert.equal(reader, WORKERS)
      for (const { partition, next } of places) noted.set(partition, Math.max(next, noted.get(partition) ?? 0))
    }
    const stops = [new AbortController(), new AbortController()] as const
    const options = { log: { ...raw, noteRead }, work: enrich, clock: machine.clock, random: Math.random, logger: silentLogger }
    const running = [
      worker({ ...options, name: 'w1', store: machine.store })(stops[0].signal),
      worker({ ...options, name: 'w2', store: await machine.another() })(stops[1].signal),
    ]
    await until('all was read', async () => (await sumsOf(machine)).read === EVENTS)
    assert.equal(await processedOf(machine), EVENTS)
    stops[1].abort()
    await running[1]
    await raw.append(GENERAL, nonsense(60))
    await until('one alone has read the rest', async () => (await sumsOf(machine)).read === EVENTS + 60)
    assert.equal((await machine.letters()).length, 60)
    assert.deepEqual(await sumsOf(machine), { read: EVENTS + 60, applied: EVENTS, duplicate: 0, dead: 60 })
    assert.deepEqual(await machine.rows('select owner from lane_workers'), [{ owner: 'w1' }])
    const ends = await raw.ends(GENERAL)
    await until('the log was told', async () => ends.every(({ partition, end }) => noted.get(partition) === end))
    stops[0].abort()
    await running[0]
    assert.deepEqual(await machine.rows('select * from lane_leases'), [])
  })

  withLane('two that both take a partition for theirs work nothing off twice: the place lets one of them pass', async (machine) => {
    await using raw = await withRaw(machine, EVENTS)
    const stop = new AbortController()
    const observer = observeReader(WORKERS, machine.clock)
    const running = [machine.store, await machine.another()].map((store, at) => {
      const effects = laneEffects({
        store,
        worker: `w${at}`,
        work: enrich,
        clock: machine.clock,
        random: Math.random,
        logger: silentLogger,
        observer,
      })
      const reading = { name: WORKERS, topics: [GENERAL], log: raw, batchCountMax: 100, isMine: () => true } as const
      return readerRounds(reading, effects, { logger: silentLogger, observer })(stop.signal)
    })
    await until('all was processed', async () => (await processedOf(machine)) === EVENTS)
    stop.abort()
    await Promise.all(running)
    assert.deepEqual(await sumsOf(machine), { read: EVENTS, applied: EVENTS, duplicate: 0, dead: 0 })
  })

  withLane(
    'who hands a partition over while its records are on their way tells the log of those, for nobody else will',
    async (machine) => {
      await using raw = await withRaw(machine, EVENTS)
      const [noted, stop] = [new Map<number, number>(), new AbortController()]
      let isMine = true
      const log: EventLog = {
        ...raw,
        async read(...asked) {
          const records = await raw.read(...asked)
          if (records.length > 0) isMine = false
          return records
        },
        noteRead: (_reader, places) => {
          for (const { partition, next } of places) noted.set(partition, next)
        },
      }
      const observer = observeReader(WORKERS, machine.clock)
      const effects = laneEffects({
        store: machine.store,
        worker: 'w1',
        work: enrich,
        clock: machine.clock,
        random: Math.random,
        logger: silentLogger,
        observer,
      })
      const reading = { name: WORKERS, topics: [GENERAL], log, isMine: () => isMine } as const
      const running = readerRounds(reading, effects, { logger: silentLogger, observer })(stop.signal)
      await until('all was processed', async () => (await processedOf(machine)) === EVENTS)
      stop.abort()
      await running
      assert.deepEqual(noted, new Map((await raw.ends(GENERAL)).map(({ partition, end }) => [partition, end])))
    },
  )
}

function expiryConformance(withLane: WithLane): void {
  withLane(
    'what the log deleted unread is booked as expired, once for all who find it, and the work goes on behind it',
    async (machine) => {
      await using raw = await withRaw(machine, EVENTS)
      const { partition, end } = (await raw.ends(GENERAL)).find((each) => each.end > 20)!
      const deleted = end - 7
      const log = logWithout(raw, { topic: GENERAL, partition, before: deleted })
      const observer = observeReader(WORKERS, machine.clock)
      const said: object[] = []
      const logger = { ...silentLogger, error: (what: object) => void said.push(what) } as unknown as Logger
      const stores = [machine.store, await machine.another()]
      // All were there before any of it was deleted.
      for (const store of stores)
        await store.begin(
          raw.id,
          (await raw.ends(GENERAL)).map((each) => ({ topic: GENERAL, partition: each.partition, next: 0 })),
        )
      const stop = new AbortController()
      const running = stores.map((store, at) => {
        const effects = laneEffects({ store, worker: `w${at}`, work: enrich, clock: machine.clock, random: Math.random, logger, observer })
        return readerRounds({ name: WORKERS, topics: [GENERAL], log, isMine: () => true }, effects, { logger, observer })(stop.signal)
      })
      await until('all that is kept was processed', async () => (await processedOf(machine)) === EVENTS - deleted)
      stop.abort()
      await Promise.all(running)
      assert.deepEqual(said, [{ code: 'log_expired', reader: WORKERS, topic: GENERAL, partition, from: 0, to: deleted }])
      for (const each of await machine.store.standings()) {
        const expired = each.partition === partition ? deleted : 0
        assert.deepEqual([each.began, each.expired, each.next - each.read], [0, expired, expired])
      }
    },
  )
}

function lettersConformance(withLane: WithLane): void {
  withLane('dead letters are copied once, and forgotten here when they are there; old rows go, and are counted', async (machine) => {
    await using raw = await withRaw(machine, 10)
    using pipeline = memoryStore()
    const { store, clock } = machine
    await raw.append(GENERAL, nonsense(30))
    const run = worker({ name: 'w1', log: raw, store, work: enrich, clock, random: Math.random, logger: silentLogger })
    const stop = new AbortController()
    const shipper = readerLoop(
      { name: 'lane-dead', topics: [DEAD], log: store.lane, handler: deadShipper(pipeline.derived) },
      { db: pipeline.db, path: ':memory:', derived: pipeline.derived, clock, logger: silentLogger },
    )
    const running = [run(stop.signal), shipper(stop.signal)]
    const copied = () => standingsIn(pipeline.db).reduce((sum, { read }) => sum + read, 0)
    await until('all letters were copied', async () => copied() === 30)
    assert.deepEqual(await deadLetters(pipeline.derived), await machine.letters())

    machine.pass(TOPICS[GENERAL].retentionMs + DAY_MS + 1)
    await oneOfEach(machine)
    const shipped = () => new Map(standingsIn(pipeline.db).map(({ partition, next }) => [partition, next]))
    const forgetting = laneRetention({ store, topics: TOPICS, shipped, clock: () => clock() + 1, logger: silentLogger })(stop.signal)
    await until('old rows are gone', async () => (await processedOf(machine)) === 0)
    await until('copied letters are gone', async () =>
      (await store.lane.ends(DEAD)).every(({ partition, start, end }) => start >= Math.min(end - 1, shipped().get(partition) ?? 0)),
    )
    assert.deepEqual(await machine.rows('select cast(sum(processed) as bigint) as forgotten from lane_forgotten'), [{ forgotten: 10 }])
    stop.abort()
    await Promise.all([...running, forgetting])
  })

  withLane('dead letters that have yet to be copied stay, however old they are', async (machine) => {
    const { store, clock } = machine
    for (let at = 0; at < 3; at += 1) await oneOfEach(machine)
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

  withLane('letters of many writers have offsets without a gap, and are seen in their order', async (machine) => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => machine.another()))
    const writing = Promise.all(
      stores.map(async ({ lane }, writer) => {
        for (let at = 0; at < 25; at += 1)
          await lane.append(DEAD, [
            { key: '', value: JSON.stringify(`${writer}/${at}`), headers: { writer: String(writer) }, partition: 1 },
          ])
      }),
    )
    const values: string[] = []
    for (let next = 0; next < 100; next = values.length) {
      const records = await machine.store.lane.read([{ topic: DEAD, partition: 1, next }], { countMax: 7, waitMs: 1_000 })
      assert.deepEqual(
        records.map(({ offset }) => offset),
        records.map((_, at) => next + at),
      )
      for (const { value, headers } of records) {
        assert.equal(headers['writer'], (JSON.parse(value) as string)[0])
        values.push(JSON.parse(value) as string)
      }
    }
    await writing
    assert.equal(new Set(values).size, 100)
    for (let writer = 0; writer < 4; writer += 1)
      assert.deepEqual(
        values.filter((value) => value.startsWith(`${writer}/`)),
        Array.from({ length: 25 }, (_, at) => `${writer}/${at}`),
      )
    await assert.rejects(async () => machine.store.lane.read([{ topic: DEAD, partition: 1, next: 101 }], { countMax: 1, waitMs: 0 }))
  })
}

/** The newest row of a partition stays in a file, whatever its age: so there is a newer one. */
async function oneOfEach({ store }: LaneMachine): Promise<void> {
  for (const partition of [0, 1, 2]) await store.lane.append(DEAD, [{ key: '', value: '{}', headers: {}, partition }])
}
