/** The DAG of engines/airflow in a real Airflow, over a FlowGuard that runs: its tables are those that FlowGuard makes by itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
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
import { freePort, startMachine, until, type Machine } from '../test/support/machine.ts'
import { AIRFLOW_PROJECT, openAirflow, type Airflow } from './airflow.ts'
import { command } from './command.ts'

const DAG = 'flowguard_daily_etl'
const DAYS_COUNT = 3
/** Each so-manieth event of a day comes a day late. */
const LATE_EVERY = 50
const CHECK_MS_MAX = 3 * 60_000
const SCHEDULED_MS_MAX = 10 * 60_000
const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
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

test('a table that cannot be made fails the run, though its checks pass; they are asked for all the same, and nothing goes on from there', async () => {
  const { python, env } = await opened()
  const [flowguard, said] = [join(folder, 'flowguard.sh'), join(folder, 'said')]
  writeFileSync(flowguard, `echo "$@" >> ${said}\ncase "$*" in *"--table gold.daily_gmv_metrics"*) exit 1;; esac\n`)
  const code = [
    'from airflow.dag_processing.dagbag import DagBag',
    'from airflow.sdk import timezone',
    `dag = DagBag('dags').dags['${DAG}']`,
    // Its pauses would be minutes.
    'for task in dag.tasks: task.retries = 0',
    'run = dag.test(logical_date=timezone.datetime(2017, 1, 1))',
    "print('state', run.state, *sorted(f'{each.task_id}={each.state}' for each in run.get_task_instances()))",
  ].join('\n')
  const printed = await command(python, ['-c', code], {
    cwd: AIRFLOW_PROJECT,
    env: { ...env, FLOWGUARD_COMMAND: `sh ${flowguard}` },
    msMax: CHECK_MS_MAX,
  })
  const states = /^state (.*)$/m.exec(printed)?.[1]?.split(' ') ?? []
  assert.equal(states[0], 'failed')
  for (const state of ['gold_daily_gmv_metrics=failed', 'gold_user_funnel_metrics=success', 'quality=success'])
    assert.ok(states.includes(state), printed.slice(-SAID_CHARS))
  for (const task of ['export', 'late_days', 'reconcile']) assert.ok(states.includes(`${task}=upstream_failed`), printed.slice(-SAID_CHARS))
  assert.equal(readFileSync(said, 'utf8').trim().split('\n').at(-1), 'etl checks --date 2017-01-01')
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
  return {
    async made(date) {
      child.stdin.write(`${date}\n`)
      const isMade = () => said.includes(`made ${date}`)
      await until(`Airflow to make ${date}`, () => isMade() || child.exitCode !== null, DAY_MS_MAX)
      assert.ok(isMade(), said.slice(-SAID_CHARS))
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

const openWarehouse = (dataDir: string) =>
  openDuckdb({ path: join(dataDir, WAREHOUSE.file), tempDir: join(dataDir, WAREHOUSE.temp), memoryMb: 512, threads: 2 })

/** Everything in silver and gold of the days up to this one. */
async function hashes(dataDir: string, to: string) {
  await using warehouse = openWarehouse(dataDir)
  using session = await warehouse.session()
  const hash = 'md5(string_agg(t::varchar, chr(10) order by t::varchar)) as hash'
  return await session.rows<{ name: string; n: number; hash: string }>(
    MODELS.map(({ name }) => `select '${name}' as name, count(*) as n, ${hash} from ${name} t where date <= '${to}'`).join(' union all '),
  )
}

/** Stops FlowGuard, and holds its tables against those that one backfill makes of the same bronze. */
async function assertTables(machine: Machine, days: readonly string[]): Promise<void> {
  await Promise.all([machine.stop('pipeline'), machine.stop('edge')])
  const copy = mkdtempSync(join(folder, 'copy-'))
  cpSync(machine.dataDir, copy, { recursive: true })
  {
    await using warehouse = openWarehouse(copy)
    using session = await warehouse.session()
    for (const schema of ['silver', 'gold', 'etl', 'ref']) await session.run(`drop schema ${schema} cascade`)
  }
  const [from, to] = [days[0] as string, days.at(-1) as string]
  const whole = await machine.cli('etl', 'backfill', '--from', from, '--to', to, '--data-dir', copy)
  assert.equal(whole.code, 0, whole.stdout + whole.stderr)
  const expected = await hashes(copy, to)
  assert.ok(expected.every(({ n }) => n > 0))
  assert.deepEqual(await hashes(machine.dataDir, to), expected)
}

const startFlowGuard = (days: readonly { sent: Sent[] }[]) =>
  startMachine({
    env: {
      ADS_FILE: writeAds(
        folder,
        days.flatMap(({ sent }) => sent),
      ),
      ETL: 'off',
      LOADER_AGE_MS: '200',
      LAKE_URL: 'off',
    },
  })

async function send(machine: Machine, sent: readonly Sent[]): Promise<void> {
  const replay = await machine.cli('replay', writeEvents(folder, 'events.ndjson', sent), '--speed', 'max', '--drain')
  assert.equal(replay.code, 0, replay.stderr)
}

const runsOf = async (machine: Machine) => JSON.parse((await machine.cli('etl', 'runs', '--limit', '200', '--json')).stdout) as RunShown[]

test('three days, each run by the DAG when it is over, late events and all, come to the tables that one backfill makes', async () => {
  const days = daysOfEvents()
  assert.equal(days.length, DAYS_COUNT)
  await using machine = await startFlowGuard(days)
  using dag = dagsTest(await opened(), machine)
  for (const { date, sent } of days) {
    await send(machine, sent)
    const before = (await runsOf(machine)).length
    await dag.made(date)
    assert.ok(existsSync(join(machine.dataDir, WAREHOUSE.copy)), 'what dashboards read')
    const runs = (await runsOf(machine)).slice(0, -before || undefined)
    assert.ok(runs.every(({ state }) => state === 'done'))
    const tables = runs.flatMap((run) => (run.from_date === date ? [run.tables] : []))
    assert.equal(tables.length, MODELS.length)
    assert.deepEqual(new Set(tables), new Set(MODELS.map(({ name }) => name)))
    const late = runs.find((run) => run.tables === null)
    assert.equal((late?.days ?? 0) > 0, date !== days[0]!.date, 'late events have the day before made again')
  }
  assert.deepEqual(JSON.parse((await machine.cli('etl', 'backfill', '--resume', '--plan', '--json')).stdout).days, [], 'nothing is left')
  await assertTables(
    machine,
    days.map(({ date }) => date),
  )
})

/** `airflow standalone`: the scheduler, what reads the DAGs, and the API that its tasks talk to. */
async function standalone({ python, env }: Airflow, port: number, more: NodeJS.ProcessEnv): Promise<AsyncDisposable> {
  const address = `http://127.0.0.1:${port}`
  const child = spawn(python, ['-m', 'airflow', 'standalone'], {
    env: {
      ...env,
      ...more,
      // It starts the others by their name.
      PATH: `${join(env['PYTHONPATH'] ?? '', 'bin')}${delimiter}${env['PATH']}`,
      AIRFLOW__API__PORT: String(port),
      AIRFLOW__CORE__EXECUTION_API_SERVER_URL: `${address}/execution/`,
    },
    stdio: 'ignore',
    detached: true,
  })
  const isHealthy = () =>
    fetch(`${address}/api/v2/monitor/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  const stop = () => child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, 'SIGKILL')
  try {
    await until('Airflow to answer', isHealthy, DAY_MS_MAX)
  } catch (error) {
    stop()
    throw error
  }
  return { [Symbol.asyncDispose]: async () => void stop() }
}

if (IS_SOAK)
  test('`airflow dags test`, and `airflow backfill create` for two days beside the schedule, come to the tables that one backfill makes', async () => {
    const days = daysOfEvents()
    await using machine = await startFlowGuard(days)
    for (const { sent } of days) await send(machine, sent)
    const more = { ...machine.env, ...ofFlowGuard(machine) }
    const air = await openAirflow(join(folder, 'scheduled'), more)
    const dates = days.map(({ date }) => date)
    const [first, second, third] = dates as [string, string, string]
    await air.run(['dags', 'test', DAG, first], DAY_MS_MAX)
    // Its processes write side by side.
    using db = new DatabaseSync(join(folder, 'scheduled', 'airflow.db'), { timeout: CHECK_MS_MAX })
    db.exec('pragma journal_mode = wal')
    await using _scheduler = await standalone(air, await freePort(), more)
    await air.run(['dags', 'unpause', '--yes', DAG], CHECK_MS_MAX)
    // Runs begin at 01:00: that of the last day is one behind midnight.
    const range = ['--from-date', second, '--to-date', `${third}T01:00:00+00:00`]
    await air.run(['backfill', 'create', '--dag-id', DAG, ...range, '--max-active-runs', '1'], CHECK_MS_MAX)
    // As `airflow dags list-runs` has it, which takes seconds to start.
    const states = () =>
      db
        .prepare("select run_type || ' ' || state as state from dag_run order by run_type")
        .all()
        .map(({ state }) => state)
    await until('the runs to be over', () => states().every((each) => /success|failed/.test(String(each))), SCHEDULED_MS_MAX)
    assert.deepEqual(states(), ['backfill success', 'backfill success', 'manual success', 'scheduled success'])
    await assertTables(machine, dates)
  })
