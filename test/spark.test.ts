import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { forgetExchanged, sparkEngine, type SparkOptions } from '../packages/pipeline/src/etl/adapters/spark.ts'
import type { SparkJob } from '../packages/pipeline/src/etl/adapters/spark-job.ts'
import { readEntries } from '../packages/pipeline/src/lake/manifest.ts'
import { silentLogger } from '../packages/pipeline/src/kernel/logging.ts'
import { WAREHOUSE } from '../packages/pipeline/src/warehouse/schema.ts'
import { loadedFolder, written } from './support/batch.ts'

const DAY = '2026-02-20'
const click = (id: string, hour: number) =>
  written({ event_type: 'click', event_id: id, timestamp: `${DAY}T0${hour}:00:00.000Z`, user_id: 'u1', item_id: 1, ad_id: 'ad-9' })

/** Spark as far as it is FlowGuard's: a program in its place keeps the job that it is given, and fails; or says that it is done, and has made nothing. */
function fakeSpark(folder: Awaited<ReturnType<typeof loadedFolder>>, isDone = false) {
  const script = join(folder.path, 'fake.mjs')
  const file = join(folder.path, 'job.json')
  writeFileSync(
    script,
    `import { existsSync, writeFileSync } from 'node:fs'
    process.stdin.once('data', (bytes) => {
      const { given } = JSON.parse(bytes)
      const own = given.flatMap(({ paths }) => paths).map((path) => path.replace('file://', ''))
      writeFileSync(${JSON.stringify(file)}, bytes)
      if (${isDone}) { console.log('flowguard {"ready":"4","done":true}'); process.exit(0) }
      console.log('flowguard ' + JSON.stringify({ failed: own.every((path) => existsSync(path)) ? 'out of luck' : 'what it is to read is not there' }))
      process.exit(1)
    })`,
  )
  const options: SparkOptions = {
    program: { python: process.execPath, script, env: process.env },
    master: 'local[2]',
    conf: { 'spark.sql.shuffle.partitions': '7' },
    files: folder.files,
    lake: `file://${join(folder.path, 'lake')}`,
    isRemote: false,
    folder: join(folder.path, WAREHOUSE.temp, WAREHOUSE.load, 'spark'),
    logs: join(folder.path, 'logs/spark'),
    lakeMsMax: 0,
    tableMsMax: 60_000,
    logger: silentLogger,
  }
  return { options, engine: sparkEngine(options), job: () => JSON.parse(readFileSync(file, 'utf8')) as SparkJob }
}

test('Spark reads the files that the manifest lists, up to the records that bronze has; where it fails, silver and gold are as they were', async () => {
  await using folder = await loadedFolder([click('c1', 1), click('c2', 2)])
  const made = await folder.run(undefined, DAY, DAY)
  assert.deepEqual([made.state, made.engine], ['done', 'warehouse'])
  await folder.keep()
  const listed: string[] = []
  for await (const { files } of readEntries(folder.files)) listed.push(...files.map(({ name }) => name))
  // What lies around in the lake is no part of it.
  await folder.files.put(`topic=raw.clicks.v1/day=${DAY}/hour=01/000000000009-0123456789abcdef.parquet`, Buffer.from('stray'))
  const { engine, options, job } = fakeSpark(folder)
  const failed = await folder.run(engine, DAY, DAY)
  assert.deepEqual([failed.state, failed.engine], ['failed', 'spark'])
  assert.match(failed.error ?? '', /^Spark failed before its first table: out of luck \(its log: .*run-2-.*\.log\)$/)
  assert.equal((await folder.assertAsKept())['silver.clicks_clean'], 2)
  assert.ok(!existsSync(options.folder), 'nothing is left of what they handed each other')
  const { given, conf } = job()
  const clicks = given.find(({ view }) => view === 'bronze_clicks_raw')
  assert.deepEqual(
    clicks?.paths.toSorted(),
    listed
      .filter((name) => name.startsWith('topic=raw.clicks.v1/'))
      .map((name) => `file://${join(folder.path, 'lake', name)}`)
      .toSorted(),
  )
  assert.match(clicks?.sql ?? '', /where \(partition = \d and offset between 0 and 1\)\)$/)
  assert.deepEqual([conf['spark.sql.session.timeZone'], conf['spark.sql.shuffle.partitions']], ['UTC', '7'])

  // The lake knows more than bronze does: that is left out.
  await folder.add([click('c3', 3)], Date.parse('2026-03-31T00:00:00Z'))
  await folder.writeLake()
  await folder.run(engine, DAY, DAY)
  const later = job().given.find(({ view }) => view === 'bronze_clicks_raw')
  assert.deepEqual([later?.paths.length, later?.sql], [2, clicks?.sql])
})

test('a lake that has yet to write what bronze has is waited for, and said; one that never will refuses', async () => {
  await using folder = await loadedFolder([click('c1', 1)])
  await folder.add([click('c2', 2)], Date.parse('2026-03-31T00:00:00Z'))
  await folder.read()
  const { engine, options } = fakeSpark(folder)
  const behind = await folder.run(engine, DAY, DAY)
  assert.match(behind.error ?? '', /lake\/? does not have what the warehouse has: it ends before raw\.clicks\.v1-\d 2, the warehouse has 2/)
  const patient = sparkEngine({ ...options, lakeMsMax: 60_000 })
  const [waited] = await Promise.all([folder.run(patient, DAY, DAY), folder.writeLake()])
  assert.match(waited.error ?? '', /out of luck/)
  using session = await folder.machine.warehouse.session()
  // What the loader lost unread the lake has, and would bring rows that bronze lacks.
  await session.run("update bronze.places set expired = 1 where topic = 'raw.clicks.v1'")
  assert.match((await folder.run(patient, DAY, DAY)).error ?? '', /of raw\.clicks\.v1-\d it lost 0 records unread, the warehouse 1/)
  await session.run("update bronze.places set expired = 0, log_id = 'another' where topic = 'raw.clicks.v1'")
  assert.match((await folder.run(patient, DAY, DAY)).error ?? '', /does not have all that the warehouse has: it is of another log/)
})

test('what Spark says that it made, and is not there, fails the run: the days stay as they were', async () => {
  await using folder = await loadedFolder([click('c1', 1), click('c2', 2)])
  await folder.run(undefined, DAY, DAY)
  await folder.keep()
  const { engine, options } = fakeSpark(folder, true)
  const run = await folder.run(engine, DAY, DAY)
  assert.equal(run.state, 'failed')
  assert.match(run.error ?? '', /^Spark made silver\.\w+, and nothing of it is in /)
  assert.ok(run.error?.includes(options.folder))
  assert.equal((await folder.assertAsKept())['silver.clicks_clean'], 2)
})

test('what cannot be removed behind a run changes nothing of it, and is said', async () => {
  await using folder = await loadedFolder([click('c1', 1)])
  await folder.run(undefined, DAY, DAY)
  const said: object[] = []
  const logger = { ...silentLogger, warn: (what: object) => said.push(what) } as unknown as SparkOptions['logger']
  const refused = Promise.reject(new Error('access denied'))
  refused.catch(() => undefined)
  const files = Object.assign(Object.create(folder.files) as typeof folder.files, {
    async *list(prefix: string) {
      if (prefix === '_spark/') yield { name: '_spark/left.parquet', bytes: 1 }
      else if (!prefix.startsWith('_spark/')) yield* folder.files.list(prefix)
    },
    remove: () => refused,
  })
  for (const [isDone, error] of [
    [false, /^Spark failed before its first table: /],
    [true, /^Spark made silver\.\w+, and nothing of it is in /],
  ] as const) {
    const { options } = fakeSpark(folder, isDone)
    const run = await folder.run(sparkEngine({ ...options, logger, files, isRemote: true }), DAY, DAY)
    assert.match(run.error ?? '', error)
  }
  // Before and behind each of them.
  assert.deepEqual(
    said.map((each) => (each as { err: Error }).err.message),
    Array.from({ length: 4 }, () => 'access denied'),
  )
  await assert.rejects(forgetExchanged(files), /access denied/)
})
