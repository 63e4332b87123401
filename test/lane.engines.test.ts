import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DEAD, GENERAL, type DeadLetter } from '@flowguard/contract'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { testCluster } from '../packages/pipeline/src/database/testing/cluster.ts'
import { testDatabase } from '../packages/pipeline/src/database/testing/postgres.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import type { Step } from '../packages/pipeline/src/kernel/crash.ts'
import { openPostgres } from '../packages/pipeline/src/kernel/postgres.ts'
import { openSqliteLog } from '../packages/pipeline/src/log/adapters/sqlite.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { openPostgresLane } from '../packages/pipeline/src/workers/adapters/postgres-lane.ts'
import { laneEvents } from './support/lane-events.ts'
import { until } from './support/machine.ts'

const EVENTS = 6_000
const LIMIT_MS = 90_000
/** A lease lapses after three seconds, and is looked at each second. */
const TAKEN_OVER_MS_MAX = 6_000
const STEPS: readonly Step[] = ['reader.after-fetch', 'reader.after-effect', 'reader.after-place', 'reader.after-commit']
const TOPICS = readTopics(join(ROOT, 'config/kafka/topics.yaml'))

/** Worker processes on one topic and one database. */
async function company(t: TestContext, databaseUrl: string) {
  const dataDir = mkdtempSync(join(tmpdir(), 'flowguard-lane-'))
  const raw = openSqliteLog({ path: join(dataDir, 'raw-log.db'), topics: TOPICS, clock: Date.now })
  const postgres = openPostgres({ url: databaseUrl })
  const lane = await openPostgresLane({ postgres, topics: TOPICS, clock: Date.now })
  const children = new Map<string, ChildProcess>()
  t.after(async () => {
    await Promise.all([...children.values()].map((child) => ended(child, 'SIGKILL')))
    for (const each of [postgres, raw]) await each[Symbol.asyncDispose]()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  const events = laneEvents(EVENTS, mulberry32(7))
  const append = async (from: number, to: number) => void (await raw.append(GENERAL, events.records.slice(from, to)))
  return {
    ...events,
    append,
    async start(names: readonly string[], more: NodeJS.ProcessEnv = {}) {
      await Promise.all(
        names.map(async (name) => {
          const child = fork(join(import.meta.dirname, 'support/lane-worker.child.ts'), [], {
            env: { ...process.env, DATA_DIR: dataDir, DATABASE_URL: databaseUrl, WORKERS: '1', NODE_TEST_CONTEXT: undefined, ...more },
            execArgv: ['--disable-warning=ExperimentalWarning'],
            stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
          })
          children.set(name, child)
          await Promise.race([once(child, 'message'), once(child, 'exit')])
        }),
      )
    },
    kill: (name: string) => ended(children.get(name) as ChildProcess, 'SIGKILL'),
    signal: (name: string, signal: NodeJS.Signals) => void children.get(name)?.kill(signal),
    stop: (name: string) => ended(children.get(name) as ChildProcess, 'SIGTERM'),
    pidOf: (name: string) => children.get(name)?.pid,
    isRunning: (name: string) => children.get(name)?.exitCode === null && children.get(name)?.signalCode === null,
    rows: <Row>(sql: string) => postgres.rows<Row>(sql),
    async read() {
      const [row] = await postgres.rows<{ count: number }>('select coalesce(sum(read), 0)::bigint as count from places')
      return row?.count ?? 0
    },
    /** Every event has its one fate, every letter is there once, and the books say so. */
    async assertAll() {
      await until('every event has its fate', async () => (await this.fates()).length >= events.expected.size, LIMIT_MS)
      await until('nothing waits', async () => (await this.rows('select 1 from lane_retries')).length === 0, LIMIT_MS)
      const byId = ([a]: readonly string[], [b]: readonly string[]) => (a! < b! ? -1 : 1)
      assert.deepEqual((await this.fates()).toSorted(byId), [...events.expected].toSorted(byId))
      const places = Array.from({ length: TOPICS[DEAD].partitions }, (_, partition) => ({ topic: DEAD, partition, next: 0 }) as const)
      const letters = (await lane.lane.read(places, { countMax: 10 * EVENTS, waitMs: 0 })).map(({ value }) => {
        const { value_base64: bytes } = JSON.parse(value) as DeadLetter
        return (JSON.parse(Buffer.from(bytes, 'base64').toString()) as { event_id: string }).event_id
      })
      const failed = [...events.expected].filter(([, fate]) => fate === 'failed').map(([id]) => id)
      assert.deepEqual(letters.toSorted(), failed.toSorted())
      const [books] = await this.rows<Record<string, number>>(
        `select sum(read)::bigint as read, sum(applied + duplicate + late + skipped + dead)::bigint as fates, sum(applied)::bigint as applied,
           (select count(*) from processed_events) as processed from places`,
      )
      assert.deepEqual(books, {
        read: events.records.length,
        fates: events.records.length,
        applied: events.expected.size - failed.length,
        processed: events.expected.size - failed.length,
      })
    },
    async fates(): Promise<[string, string][]> {
      const rows = await postgres.rows<{ id: string; fate: string }>(
        `select event_id as id, 'processed' as fate from processed_events union all select event_id, 'failed' from failed_events`,
      )
      return rows.map(({ id, fate }) => [id, fate])
    },
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

const owners = 'select count(distinct owner) as count, count(*) as leases from lane_leases'

for (const count of [1, 2, 4]) {
  test(`${count} worker processes on PostgreSQL share the partitions and the work; each event has one fate`, async (t) => {
    await using database = await testDatabase('w')
    const all = await company(t, database.url)
    const names = Array.from({ length: count }, (_, at) => `worker ${at}`)
    await all.start(names)
    await until('the partitions are shared', async () => {
      const [held] = await all.rows<{ count: number; leases: number }>(owners)
      return held?.count === count && held.leases === TOPICS[GENERAL].partitions
    })
    await all.append(0, all.records.length)
    await all.assertAll()
    const workers = await all.rows<{ by: string }>('select distinct processed_by as by from processed_events')
    assert.ok(workers.length >= count, `${workers.length} of ${count} had a share`)
    for (const name of names) await all.stop(name)
    assert.deepEqual(await all.rows('select * from lane_leases'), [])
  })
}

test('the share of a worker that is killed is taken over within seconds, nothing twice and nothing missing', async (t) => {
  await using database = await testDatabase('w')
  const all = await company(t, database.url)
  await all.start(['a', 'b', 'c'])
  const half = all.records.length >> 1
  await all.append(0, half)
  await until('it is at work', async () => (await all.read()) > 0)
  const victim = `worker-${all.pidOf('b')}-%`
  await all.kill('b')
  const killedAt = performance.now()
  await all.append(half, all.records.length)
  await until('no partition is the dead one’s', async () => {
    const rows = await all.rows(`select 1 from lane_leases where owner not like '${victim}'`)
    return rows.length === TOPICS[GENERAL].partitions
  })
  assert.ok(performance.now() - killedAt < TAKEN_OVER_MS_MAX, `took ${Math.round(performance.now() - killedAt)} ms`)
  await all.assertAll()
})

test('a worker that stands still for longer than its lease, and then goes on, works nothing off twice', async (t) => {
  await using database = await testDatabase('w')
  const all = await company(t, database.url)
  await all.start(['a', 'b'])
  const half = all.records.length >> 1
  await all.append(0, half)
  await until('it is at work', async () => (await all.read()) > 0)
  all.signal('b', 'SIGSTOP')
  await all.append(half, all.records.length)
  await until('the other has all of it', async () => {
    const [held] = await all.rows<{ count: number; leases: number }>(owners)
    return held?.count === 1 && held.leases === TOPICS[GENERAL].partitions
  })
  all.signal('b', 'SIGCONT')
  await all.assertAll()
  assert.ok(all.isRunning('a') && all.isRunning('b'))
})

test('a worker that dies at any step of its work leaves a whole batch to the next, or none of it', async (t) => {
  await using database = await testDatabase('w')
  const all = await company(t, database.url)
  await all.append(0, all.records.length)
  for (const step of STEPS) {
    await all.start([step], { FLOWGUARD_CRASH: `${step}:2` })
    await until('it is dead', () => !all.isRunning(step))
  }
  await all.start(['heir'])
  await all.assertAll()
})

test('PostgreSQL goes down in the middle and comes back: the workers go on by themselves, nothing twice and nothing missing', async (t) => {
  await using server = await testCluster()
  const all = await company(t, server.url)
  await all.start(['a', 'b'])
  const third = Math.floor(all.records.length / 3)
  for (let round = 0; round < 3; round += 1) {
    const before = await all.read()
    await all.append(round * third, round === 2 ? all.records.length : (round + 1) * third)
    await until('it is at work', async () => (await all.read()) > before)
    if (round === 2) break
    await server.crash()
    await server.start()
  }
  await all.assertAll()
  assert.ok(all.isRunning('a') && all.isRunning('b'))
})
