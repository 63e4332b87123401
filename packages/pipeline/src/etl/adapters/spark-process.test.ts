import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isAlive } from '../../../../../engines/processes.ts'
import { until } from '../../../../../test/support/machine.ts'
import type { FlowGuardError } from '../../kernel/errors.ts'
import { submitSpark } from './spark-process.ts'

const NEVER = new AbortController().signal

/** A program in the place of Python's: what it does is the script's text. */
function fake(text: string, tableMsMax = 60_000) {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-spark-'))
  const script = join(folder, 'run.mjs')
  const log = join(folder, 'logs/run-1.log')
  writeFileSync(script, `const tell = (what) => console.log('flowguard ' + JSON.stringify(what))\n${text}`)
  const tables: string[] = []
  return {
    folder,
    log,
    tables,
    submit: (signal = NEVER, python: string = process.execPath) =>
      submitSpark(
        { python, script, env: process.env },
        {
          job: { name: 'a job', master: 'local', conf: {}, given: [], models: [] },
          scratch: join(folder, 'scratch'),
          log,
          tableMsMax,
          onTable: (name) => tables.push(name),
          signal,
        },
      ),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const failing = (work: Promise<void>) =>
  work.then(
    () => assert.fail('it came through'),
    (error: unknown) => error as FlowGuardError,
  )

test('the job is handed over, its tables are told as they come, and the rest is kept as its log', async () => {
  using spark = fake(`
    process.stdin.once('data', (bytes) => {
      tell({ ready: '4' }); tell({ at: 'silver.a' }); tell({ at: 'gold.b' })
      console.log(JSON.parse(bytes).name); console.error('a warning')
      tell({ done: true }); process.exit(0)
    })`)
  for (let n = 0; n < 25; n += 1) {
    // Older ones, as of other runs.
    if (n === 0) await spark.submit()
    const old = join(spark.folder, 'logs', `run-0-${n}.log`)
    writeFileSync(old, '')
    utimesSync(old, n, n)
  }
  await spark.submit()
  assert.deepEqual(spark.tables, ['silver.a', 'gold.b', 'silver.a', 'gold.b'])
  assert.deepEqual(readFileSync(spark.log, 'utf8').trim().split('\n').toSorted(), ['a job', 'a warning'])
  assert.ok(readdirSync(join(spark.folder, 'logs')).length <= 20)
})

test('a program that is not there, and a Python without pyspark, say what is to be installed', async () => {
  using spark = fake(`tell({ failed: "ModuleNotFoundError: No module named 'pyspark'" }); process.exit(1)`)
  for (const [error, words] of [
    [await failing(spark.submit(NEVER, '/nowhere/python3')), /\/nowhere\/python3 cannot be started/],
    [await failing(spark.submit()), /No module named 'pyspark'/],
  ] as const) {
    assert.equal(error.code, 'spark_missing')
    assert.match(error.message, words)
    assert.match(error.advice, /SPARK_HOME/)
  }
})

test('one that fails says at which table and why; one that is killed, what it said last, and where its log is', async () => {
  using told = fake(`tell({ ready: '4' }); tell({ at: 'gold.b' }); tell({ failed: 'AnalysisException: no such column' }); process.exit(1)`)
  const first = await failing(told.submit())
  assert.equal(first.code, 'spark_failed')
  assert.equal(first.message, `Spark failed at gold.b: AnalysisException: no such column (its log: ${told.log})`)
  using killed = fake(
    `tell({ at: 'gold.b' }); console.error('java.lang.OutOfMemoryError: Java heap space'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)`,
  )
  const second = await failing(killed.submit())
  assert.match(second.message, /failed at gold\.b: it ended by SIGKILL: java\.lang\.OutOfMemoryError: Java heap space \(its log: /)
  assert.match(second.advice, /spark\.driver\.memory/)
})

test('one that is at a table for too long is ended, and says at which; each table has that long for itself', async () => {
  using hung = fake(`tell({ ready: '4' }); tell({ at: 'silver.a' }); tell({ at: 'gold.b' }); setInterval(() => {}, 1000)`, 500)
  const error = await failing(hung.submit())
  assert.equal(error.code, 'spark_failed')
  assert.match(error.message, /failed at gold\.b: it was not done with that \(SPARK_TABLE_MINUTES\) after 0\.5 s/)
  using steady = fake(
    `import { setTimeout as pause } from 'node:timers/promises'
    tell({ ready: '4' })
    for (const at of 'abcdefghi') { tell({ at }); await pause(250) }
    tell({ done: true }); process.exit(0)`,
    2_000,
  )
  await steady.submit()
  assert.equal(steady.tables.length, 9)
})

test('a line that is torn, or of another, is for the log', async () => {
  const lines = ['flowguard {"at": "silv', 'flowguard null', 'flowguard is up']
  using spark = fake(`
    tell({ ready: '4' })
    for (const line of ${JSON.stringify(lines)}) console.log(line)
    tell({ at: 'gold.b' }); tell({ done: true }); process.exit(0)`)
  await spark.submit()
  assert.deepEqual(spark.tables, ['gold.b'])
  assert.deepEqual(readFileSync(spark.log, 'utf8').trim().split('\n'), lines)
})

test('a run that is stopped stops it, with all that it has started', async () => {
  using spark = fake(`
    import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    const inner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
    writeFileSync('pid', String(inner.pid))
    tell({ ready: '4' }); tell({ at: 'silver.a' })
    setInterval(() => {}, 1000)`)
  const stop = new AbortController()
  const ended = failing(spark.submit(stop.signal))
  await until('it is at work', () => spark.tables.length > 0)
  const pid = Number(readFileSync(join(spark.folder, 'scratch/pid'), 'utf8'))
  assert.ok(isAlive(pid))
  stop.abort(new Error('enough'))
  assert.equal((await ended).message, 'enough')
  await until('what it started is gone', () => !isAlive(pid))
})
