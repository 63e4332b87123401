import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DEAD, GENERAL, type DeadLetter } from '@flowguard/contract'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import type { Step } from '../packages/pipeline/src/kernel/crash.ts'
import { openReadOnly } from '../packages/pipeline/src/kernel/sqlite.ts'
import { openSqliteLog, openSqliteLogReader } from '../packages/pipeline/src/log/adapters/sqlite.ts'
import type { Place } from '../packages/pipeline/src/log/event-log.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { assertBalanced } from './support/answers.ts'
import { laneEvents } from './support/lane-events.ts'
import { startMachine, until } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const EVENTS = IS_SOAK ? 100_000 : 5_000
const KILLS = IS_SOAK ? 60 : 6
const WORKER_PROCESSES = 4
const LIMIT_MS = IS_SOAK ? 20 * 60_000 : 90_000
const TOPICS = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
const STEPS: readonly Step[] = ['reader.after-fetch', 'reader.after-effect', 'reader.after-place', 'reader.after-commit']

/** Processes that are started again whenever they die. */
function company(dataDir: string) {
  const children = new Map<string, ChildProcess>()
  let isOver = false
  let deaths = 0
  async function start(name: string, entry: string, args: readonly string[], more: () => NodeJS.ProcessEnv): Promise<void> {
    const child = fork(entry, [...args], {
      env: { ...process.env, DATA_DIR: dataDir, WORKERS: '1', NODE_TEST_CONTEXT: undefined, ...more() },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    children.set(name, child)
    child.once('exit', (code) => {
      if (isOver) return
      assert.equal(code, null, `${name} ended by itself`)
      deaths += 1
      void start(name, entry, args, more)
    })
    await Promise.race([once(child, 'message'), once(child, 'exit')])
  }
  return {
    start,
    deaths: () => deaths,
    kill: (name: string) => children.get(name)?.kill('SIGKILL'),
    async [Symbol.asyncDispose]() {
      isOver = true
      await Promise.all(
        [...children.values()].map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return
          const ended = once(child, 'exit')
          child.kill('SIGKILL')
          await ended
        }),
      )
    },
  }
}

async function deadLettersIn(dataDir: string): Promise<string[]> {
  await using log = openSqliteLogReader({ path: join(dataDir, 'pipeline.db'), topics: TOPICS, clock: Date.now })
  const places: Place[] = (await log.ends(DEAD)).map(({ partition, start }) => ({ topic: DEAD, partition, next: start }))
  const records = await log.read(places, { countMax: 10 * EVENTS, waitMs: 0 })
  return records.map(({ value }) => {
    const { reason, tries, value_base64: bytes } = JSON.parse(value) as DeadLetter
    assert.equal(tries, reason === 'handler_failed' ? 3 : 1)
    return (JSON.parse(Buffer.from(bytes, 'base64').toString()) as { event_id: string }).event_id
  })
}

/** What the tables say became of each event; one that has two rows shows as two. */
function fatesIn(dataDir: string): [string, string][] {
  using db = openReadOnly(join(dataDir, 'lane.db'))
  return db
    .prepare(
      `select event_id as id, 'processed' as fate from processed_events union all select event_id, 'failed' from failed_events order by 1, 2`,
    )
    .all()
    .map((row) => [row['id'] as string, row['fate'] as string])
}

test('workers are killed all along: each general event is processed or failed once, and each that failed has one dead letter', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'flowguard-lane-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  const random = mulberry32(11)
  const { records, expected, letters } = laneEvents(EVENTS, random)
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T
  await using raw = openSqliteLog({ path: join(dataDir, 'raw-log.db'), topics: TOPICS, clock: Date.now })
  await using all = company(dataDir)
  const isPeace = () => all.deaths() >= KILLS
  const names = Array.from({ length: WORKER_PROCESSES }, (_, at) => `worker ${at}`)
  // Each dies at a step of its own choice while there is still some dying to do.
  const fatal = () => (isPeace() ? {} : { FLOWGUARD_CRASH: `${pick(STEPS)}:${1 + Math.floor(random() * 4)}` })
  await all.start('stream', join(ROOT, 'packages/pipeline/src/main.ts'), ['run', 'stream'], fatal)
  await Promise.all(names.map((name) => all.start(name, join(import.meta.dirname, 'support/lane-worker.child.ts'), [], fatal)))

  const chunk = Math.ceil(records.length / (KILLS * 10))
  for (let from = 0; from < records.length; from += chunk) {
    await raw.append(GENERAL, records.slice(from, from + chunk))
    if (!isPeace() && random() < 0.1) all.kill(pick([...names, 'stream']))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  while (!isPeace()) {
    const before = all.deaths()
    all.kill(pick(names))
    await until('it is dead', () => all.deaths() > before)
  }
  await until('every event has its fate', () => fatesIn(dataDir).length >= expected.size, LIMIT_MS)
  await until('every letter has arrived', async () => (await deadLettersIn(dataDir)).length >= letters, LIMIT_MS)

  assert.ok(all.deaths() >= KILLS)
  assert.deepEqual(
    fatesIn(dataDir),
    [...expected].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  const failed = [...expected].filter(([, fate]) => fate === 'failed').map(([id]) => id)
  assert.deepEqual((await deadLettersIn(dataDir)).toSorted(), failed.toSorted())
  await assertBalanced(dataDir)
})

test('an event that failed three times is processed when its dead letter is sent again to workers that are mended', async () => {
  await using machine = await startMachine({ idle: true })
  const { dataDir, gatewayUrl } = machine
  await Promise.all([machine.start('edge'), machine.start('stream')])
  const event = { event_type: 'purchase', user_id: 'u', properties: { amount: 1_200, mood: 'never' } }
  const answer = await fetch(`${gatewayUrl}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  const { event_id: id } = (await answer.json()) as { event_id: string }
  const lane = async () => (await (await fetch(`${gatewayUrl}/metrics`)).json()) as { general_lane: Record<string, number> }
  {
    await using broken = company(dataDir)
    await broken.start('worker', join(import.meta.dirname, 'support/lane-worker.child.ts'), [], () => ({}))
    await until('it has failed', async () => (await lane()).general_lane['failed'] === 1)
  }
  await until('its letter has arrived', async () => (await deadLettersIn(dataDir)).includes(id))
  assert.match((await machine.cli('trace', id)).stdout, /failed at .* after 3 tries: Error: not in the mood/)

  await Promise.all([machine.start('workers'), machine.start('ops')])
  const retry = await machine.cli('dead', 'retry', '--reason', 'handler_failed', '--note', 'mended')
  assert.equal(retry.code, 0, retry.stderr)
  await until('it was processed', async () => (await lane()).general_lane['processed'] === 1)
  assert.match((await machine.cli('trace', id)).stdout, /processed by worker-[^]*category high_value/)
  assert.deepEqual(fatesIn(dataDir), [[id, 'processed']])
  await assertBalanced(dataDir)
})
