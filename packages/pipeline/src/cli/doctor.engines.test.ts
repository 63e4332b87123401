import assert from 'node:assert/strict'
import test from 'node:test'
import { engineSettings } from '../../../../test/support/engine-machine.ts'
import { ownRedis } from '../../../../test/support/redis-server.ts'
import { readSettings } from '../kernel/config.ts'
import { openDatabase } from '../stores.ts'
import { appliedTopics } from '../wiring/kafka-topics.ts'
import type { Finding } from './doctor-checks.ts'
import { run, temporaryFolder } from './testing/run.ts'

const FREE = { GATEWAY_PORT: '0', CATALOG_PORT: '0', OPS_PORT: '0', STORE_PORT: '0' }
const ENGINES = ['LOG_URL', 'EVENTS_LOG_URL', 'DATABASE_URL', 'COUNTERS_URL', 'LAKE_URL']
/** A port where nobody listens. */
const NOBODY = '127.0.0.1:9'

/** What the doctor finds of the engines. The driver of S3 reads the environment of the process. */
async function doctor(folder: string, env: NodeJS.ProcessEnv) {
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    const { code, stdout } = await run(['doctor', '--json', '--data-dir', folder], { env: { ...FREE, ...env } })
    const { findings } = JSON.parse(stdout) as { findings: Finding[] }
    const found = (name: string) => findings.filter((each) => each.name === name)
    return { code, states: ENGINES.flatMap((name) => found(name).map(({ state }) => `${name} ${state}`)), found }
  } finally {
    for (const name of Object.keys(env)) if (before[name] === undefined) delete process.env[name]
    Object.assign(process.env, before)
  }
}

test('engines that are well are said with what they are; what they lack, and what may lose events, is said with what to do', async () => {
  using folder = temporaryFolder()
  await using settings = await engineSettings({ general: 'redis' })
  const { env } = settings
  const fresh = await doctor(folder.path, env)
  assert.deepEqual([fresh.code, fresh.states], [0, ENGINES.map((name) => `${name} ok`)], JSON.stringify(ENGINES.map(fresh.found)))
  const details = ENGINES.map((name) => fresh.found(name)[0]?.detail ?? '')
  for (const [at, pattern] of [
    /Kafka, 3 brokers; driver with librdkafka \d.*topics have yet to be made/,
    /Redis \d+\.\d+.*set safely/,
    /PostgreSQL \d+.*tables have yet to be made/,
    /Redis \d+\.\d+/,
    /can be written, and refuses to write over/,
  ].entries())
    assert.match(details[at] ?? '', pattern)

  const read = readSettings({ ...env, DATA_DIR: folder.path }, {}, folder.path)
  await appliedTopics(read)
  {
    await using database = await openDatabase(read, Date.now)
    await database.addKey('till', '0'.repeat(64), 'all')
  }
  const made = await doctor(folder.path, { ...env, HOST: '0.0.0.0' })
  assert.match(made.found('LOG_URL')[0]?.detail ?? '', /all topics are there/)
  assert.match(made.found('DATABASE_URL')[0]?.detail ?? '', /tables are there/)
  assert.match(made.found('write keys')[0]?.detail ?? '', /^1 valid/, 'keys are where the tables are')

  await using lax = await ownRedis(['--appendonly', 'no'])
  const other = await doctor(folder.path, { ...env, LOG_COPIES: '2', EVENTS_LOG_URL: lax.url, LAKE_URL: 's3://nobody-made-this' })
  assert.equal(other.code, 1)
  const [, copies] = other.found('LOG_URL')
  assert.deepEqual([copies?.state, /topics plan/.test(copies?.advice ?? '')], ['warn', true])
  const [, unsafe] = other.found('EVENTS_LOG_URL')
  assert.deepEqual([unsafe?.state, /appendonly no/.test(unsafe?.detail ?? '')], ['warn', true])
  const [lake] = other.found('LAKE_URL')
  assert.deepEqual([lake?.state, /Make the bucket/.test(lake?.advice ?? '')], ['fail', true])
})

test('engines that do not answer are each a fault of their own, without their passwords', async () => {
  using folder = temporaryFolder()
  const { code, states, found } = await doctor(folder.path, {
    LOG_URL: `kafka://me:secret@${NOBODY}/`,
    EVENTS_LOG_URL: `redis://me:secret@${NOBODY}`,
    DATABASE_URL: `postgres://me:secret@${NOBODY}/flowguard`,
    COUNTERS_URL: `redis://me:secret@${NOBODY}`,
    LAKE_URL: 's3://flowguard',
    AWS_ENDPOINT_URL_S3: `http://${NOBODY}`,
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
  })
  assert.deepEqual([code, states], [1, ENGINES.map((name) => `${name} fail`)])
  const all = ENGINES.flatMap(found)
  assert.ok(all.every(({ advice }) => advice))
  assert.ok(!JSON.stringify(all).includes('secret'))
  assert.match(found('COUNTERS_URL')[0]?.advice ?? '', /COUNTERS_URL/)
})
