/** The DAG of engines/airflow in a real Airflow, over a FlowGuard that runs: its tables are those that FlowGuard makes by itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DAY_MS } from '@flowguard/contract'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { MODELS } from '../packages/pipeline/src/etl/fixture.ts'
import type { RunShown } from '../packages/pipeline/src/etl/store.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { openDuckdb } from '../packages/pipeline/src/warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../packages/pipeline/src/warehouse/schema.ts'
import type { Sent } from '../test/support/answers.ts'
import { madeUpEvents, readEvents, REFERENCE, writeAds, writeEvents } from '../test/support/files.ts'
import { startMachine, until, type Machine } from '../test/support/machine.ts'
import { AIRFLOW_PROJECT, openAirflow, type Airflow } from './airflow.ts'
import { command } from './command.ts'

const DAG = 'flowguard_daily_etl'
const DAYS_COUNT = 3
/** Each so-manieth event of a day comes a day late. */
const LATE_EVERY = 50
const CHECK_MS_MAX = 60_000
const DAY_MS_MAX = 5 * 60_000
const SAID_CHARS = 6_000

const folder = mkdtempSync(join(tmpdir(), 'flowguard-airflow-'))
let airflow: Airflow | undefined
const opened = async () => (airflow ??= await openAirflow(join(folder, 'airflow'), {}))

test.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

test("the DAG's tables, and what each is made from, are the models'", async () => {
  // As it is written: without Airflow.
  const code = `import ast; print([ast.unparse(each.value) for each in ast.parse(open('dags/${DAG}.py').read()).body if isinstance(each, ast.Assign) and each.targets[0].id == 'TABLES'][0].replace("'", '"'))`
  const tables = JSON.parse(await command('python3', ['-c', code], { cwd: AIRFLOW_PROJECT, msMax: CHECK_MS_MAX })) as Record<
    string,
    string[]
  >
  const isModel = (read: string) => MODELS.some(({ name }) => name === read)
  assert.deepEqual(tables, Object.fromEntries(MODELS.map(({ name, reads }) => [name, reads.filter(isModel).toSorted()])))
})

test('Airflow imports the DAG without errors, and the tests of the project pass', async () => {
  const { python, env } = await opened()
  await command(python, ['-m', 'unittest', 'discover', '-s', 'tests/dags'], { cwd: AIRFLOW_PROJECT, env, msMax: CHECK_MS_MAX })
})

/** Some days of events, each with what is sent on it: some of it of the day before. */
function daysOfEvents(): { date: string; sent: Sent[] }[] {
  const events = REFERENCE
    ? readEvents(join(REFERENCE, 'taobao-events.ndjson.gz'))
    : Array.from({ length: DAYS_COUNT }, (_, day) => madeUpDay(day)).flat()
  const counts = Map.groupBy(events, ({ timestamp }) => timestamp.slice(0, 10))
  const dates = [...counts]
    .filter(([, each]) => each.length > 1_000)
    .map(([date]) => date)
    .toSorted()
    .slice(0, DAYS_COUNT)
  const isLate = (_event: Sent, at: number) => at % LATE_EVERY === 0
  return dates.map((date, at) => {
    const own = counts.get(date) ?? []
    const late = (counts.get(dates[at - 1] ?? '') ?? []).filter(isLate)
    return { date, sent: [...(at === dates.length - 1 ? own : own.filter((event, n) => !isLate(event, n))), ...late] }
  })
}

const madeUpDay = (day: number): Sent[] =>
  madeUpEvents(2_000, mulberry32(day + 1)).flatMap((event) => {
    const at = Date.parse(event.timestamp) + day * DAY_MS
    return [{ ...event, event_id: `${day}-${event.event_id}`, timestamp: new Date(at).toISOString() }]
  })

/** `airflow dags test` for one day after the other, in one process: half of what one costs is that it starts. */
function dagsTest({ python, env }: Airflow, machine: Machine): { made: (date: string) => Promise<void> } & Disposable {
  const code = [
    'import sys',
    'from airflow.cli import cli_parser',
    'for day in sys.stdin:',
    `    given = cli_parser.get_parser().parse_args(['dags', 'test', '${DAG}', day.strip()])`,
    '    given.func(given)',
    "    print('made', day.strip(), flush=True)",
  ].join('\n')
  const child = spawn(python, ['-c', code], { env: { ...env, ...machine.env, ...ofFlowGuard(machine) }, stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said += String(part)))
  const ended = once(child, 'close')
  return {
    async made(date) {
      child.stdin.write(`${date}\n`)
      await Promise.race([until(`Airflow to make ${date}`, () => said.includes(`made ${date}`), DAY_MS_MAX), ended])
      assert.ok(said.includes(`made ${date}`), said.slice(-SAID_CHARS))
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

/** As on a machine of its own: nothing but an address and a key. */
const ofFlowGuard = (machine: Machine): NodeJS.ProcessEnv => ({
  FLOWGUARD_COMMAND: `${process.execPath} ${join(ROOT, 'packages/pipeline/bin/flowguard.mjs')}`,
  OPS_URL: machine.opsUrl,
  WRITE_KEY: machine.operator().authorization.replace('Bearer ', ''),
  DATA_DIR: join(folder, 'none'),
})

/** Everything in silver and gold. */
async function hashes(dataDir: string) {
  await using warehouse = openDuckdb({
    path: join(dataDir, WAREHOUSE.file),
    tempDir: join(dataDir, WAREHOUSE.temp),
    memoryMb: 512,
    threads: 2,
  })
  using session = await warehouse.session()
  return await session.rows<{ name: string; n: number; hash: string }>(
    MODELS.map(
      ({ name }) =>
        `select '${name}' as name, count(*) as n, md5(string_agg(t::varchar, chr(10) order by t::varchar)) as hash from ${name} t`,
    ).join(' union all '),
  )
}

test('three days, each run by the DAG when it is over, late events and all, come to the tables that one backfill makes', async () => {
  const days = daysOfEvents()
  assert.equal(days.length, DAYS_COUNT)
  const ads = writeAds(
    folder,
    days.flatMap(({ sent }) => sent),
  )
  await using machine = await startMachine({ env: { ADS_FILE: ads, ETL: 'off', LOADER_AGE_MS: '200' } })
  using dag = dagsTest(await opened(), machine)
  const runs = async () => JSON.parse((await machine.cli('etl', 'runs', '--limit', '200', '--json')).stdout) as RunShown[]
  for (const { date, sent } of days) {
    const replay = await machine.cli('replay', writeEvents(folder, `${date}.ndjson`, sent), '--speed', 'max', '--drain')
    assert.equal(replay.code, 0, replay.stderr)
    const before = (await runs()).length
    await dag.made(date)
    const made = (await runs()).slice(0, -before || undefined)
    assert.deepEqual(
      made.filter(({ state }) => state !== 'done'),
      [],
    )
    assert.deepEqual(
      new Set(made.flatMap(({ tables, from_date: from }) => (from === date ? [tables] : []))),
      new Set(MODELS.map(({ name }) => name)),
    )
    const late = made.find(({ tables }) => tables === null)
    assert.equal((late?.days ?? 0) > 0, date !== days[0]!.date, 'late events have the day before made again')
  }
  assert.deepEqual(JSON.parse((await machine.cli('etl', 'backfill', '--resume', '--plan', '--json')).stdout).days, [], 'nothing is left')
  await Promise.all([machine.stop('pipeline'), machine.stop('edge')])

  const copy = join(folder, 'copy')
  cpSync(machine.dataDir, copy, { recursive: true })
  {
    await using warehouse = openDuckdb({ path: join(copy, WAREHOUSE.file), tempDir: join(copy, WAREHOUSE.temp), memoryMb: 512, threads: 2 })
    using session = await warehouse.session()
    for (const schema of ['silver', 'gold', 'etl', 'ref']) await session.run(`drop schema ${schema} cascade`)
  }
  const range = ['--from', days[0]!.date, '--to', days.at(-1)!.date]
  const whole = await machine.cli('etl', 'backfill', ...range, '--data-dir', copy)
  assert.equal(whole.code, 0, whole.stdout + whole.stderr)
  const expected = await hashes(copy)
  assert.ok(expected.every(({ n }) => n > 0))
  assert.deepEqual(await hashes(machine.dataDir), expected)
})
