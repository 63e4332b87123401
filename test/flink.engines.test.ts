/** STREAM_ENGINE=flink: the whole product with Flink's answers in the place of the embedded stream's, and nobody who reads them can tell. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TIMED_TOPICS, type Alert, type Journey } from '@flowguard/contract'
import { parseAddress, type KafkaAddress } from '../packages/pipeline/src/kernel/addresses.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { SEED } from '../packages/pipeline/src/kernel/testing/chance.ts'
import { openKafkaLog } from '../packages/pipeline/src/log/adapters/kafka.ts'
import type { Deployed, Stopped } from '../packages/pipeline/src/stream/flink/deployment.ts'
import type { FlinkStatus } from '../packages/pipeline/src/stream/flink/status.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import type { Audit } from '../packages/pipeline/src/ops/audit.ts'
import { answersOf } from './support/answers.ts'
import { engineAddress } from './support/engines.ts'
import { writeAds, writeEvents } from './support/files.ts'
import { startMachine, until, type Machine } from './support/machine.ts'
import { madeUpCase } from './support/real.ts'
import { oracleRowsIn, streamRowsOf } from './support/stream-rows.ts'

const { name, events, expected } = madeUpCase(SEED)
const SETTLED_MS_MAX = 180_000

test(`${name} (seed ${SEED}) with STREAM_ENGINE=flink: its answers, balanced books, alerts while it is away, and no row twice after kills`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-flink-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = {
    LOG_URL: `kafka://${engineAddress('kafka')}/f${randomBytes(5).toString('hex')}.`,
    STREAM_ENGINE: 'flink',
    FLINK_GATEWAY_URL: engineAddress('flink-sql'),
    FLINK_JOBS_URL: engineAddress('flink-jobs'),
    ADS_FILE: writeAds(folder, events),
    ETL: 'off',
  }
  await using machine = await startMachine({ env })
  const flink = async <T>(command: string) => JSON.parse(await done(machine, 'stream', 'flink', command, '--json')) as T
  // What still ran at the end would have the slots of others.
  await using _job = { [Symbol.asyncDispose]: async () => void (await machine.cli('stream', 'flink', 'stop')) }
  const first = await flink<Deployed>('deploy')
  assert.equal(first.from, null)
  const twice = await machine.cli('stream', 'flink', 'deploy')
  assert.deepEqual([twice.code, twice.stderr.includes(`as job ${first.job}`)], [1, true], twice.stderr)

  const half = events.length >> 1
  const replaying = machine.cli('replay', writeEvents(folder, 'first.ndjson', events.slice(0, half)), '--speed', 'max')
  await until('Flink has answered some', async () => (await rowCount(machine)) > 0, SETTLED_MS_MAX)
  await machine.kill('pipeline')
  const { savepoint } = await flink<Stopped>('stop')
  const stopped = await machine.cli('stream', 'flink', 'status', '--json')
  const { state, savepoint: kept } = JSON.parse(stopped.stdout) as FlinkStatus
  assert.deepEqual([stopped.code, state, kept], [3, 'FINISHED', savepoint])
  await machine.start('pipeline')
  const sent = await replaying
  assert.equal(sent.code, 0, sent.stderr)
  await until('it is told that Flink answers nothing', async () => (await alertsOf(machine)).includes('open'), SETTLED_MS_MAX)
  const second = await flink<Deployed>('deploy')
  assert.equal(second.from, savepoint)
  const rest = writeEvents(folder, 'rest.ndjson', events.slice(half))
  const { code, stderr } = await machine.cli('replay', rest, '--speed', 'max', '--drain')
  assert.equal(code, 0, stderr)
  await until('and that it does again', async () => (await alertsOf(machine)).every((each) => each !== 'open'), SETTLED_MS_MAX)

  const running = await flink<FlinkStatus>('status')
  assert.deepEqual([running.state, running.job, running.lag, running.failures], ['RUNNING', second.job, 0, []])
  assert.match(await done(machine, 'stream', 'flink', 'status'), new RegExp(`watermark +${running.watermark?.slice(0, 10)}`))
  assert.deepEqual(await answersOf(machine.dataDir), expected)
  const books = JSON.parse(await done(machine, 'audit', '--json')) as Audit
  assert.equal(books.balanced, true)
  assert.ok(books.checks.some((check) => check.name === 'rows of Flink = rows of its topics here' && check.ok && (check.actual ?? 0) > 0))

  const rows = await streamRowsOf(machine.dataDir)
  assert.deepEqual(rows, await rawOracle(env.LOG_URL))
  const bought = rows.attributed.find(({ click }) => click)
  assert(bought)
  const response = await fetch(`${machine.gatewayUrl}/api/v1/users/${bought.user_id}/journey?limit=100`)
  const journey = (await response.json()) as Journey
  assert.deepEqual(
    journey.sessions.filter((each) => !each.is_running),
    rows.sessions
      .filter(({ user_id }) => user_id === bought.user_id)
      .map((each) => ({ ...each, is_running: false }))
      .toSorted((a, b) => b.started_at.localeCompare(a.started_at)),
  )
  assert.ok(journey.attributed_orders.some(({ event_id }) => event_id === bought.event_id))

  await machine.stop('pipeline')
  const embedded = startMachine({ idle: true, env: { ...env, STREAM_ENGINE: 'embedded', DATA_DIR: machine.dataDir } })
  await using other = await embedded
  const refused = await other.cli('run', 'stream')
  assert.deepEqual(
    [refused.code, /STREAM_ENGINE is embedded, and .* holds what Flink answered/.test(refused.stderr)],
    [2, true],
    refused.stderr,
  )
})

/** What the plain rules make of what the gateway wrote to Kafka. */
async function rawOracle(url: string) {
  const address = parseAddress(url) as KafkaAddress
  const topics = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
  await using log = await openKafkaLog({ address, topics, holds: TIMED_TOPICS, clock: Date.now, logger: silentLogger })
  return await oracleRowsIn(log)
}

const rowCount = async (machine: Machine) => (await streamRowsOf(machine.dataDir)).attributed.length

/** The states of the alerts about Flink. */
async function alertsOf(machine: Machine): Promise<(Alert['state'] | undefined)[]> {
  const response = await fetch(`${machine.opsUrl}/api/alerts?limit=50`)
  const { alerts } = (await response.json()) as { alerts: { alert: Alert }[] }
  return alerts.flatMap(({ alert }) => (alert.rule === 'reader_stopped' && alert.subject === 'flink' ? [alert.state] : []))
}

async function done(machine: Machine, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.cli(...args)
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}${stdout}`)
  return stdout
}
