/**
 * `npm run test:engines`: installs the engines where they are missing, starts them on free ports in a temporary folder, runs every `*.engines.test.ts` against
 * them, and stops them. Report and last line as of `npm test`; whatever keeps an engine from running counts as a failed test.
 *
 *   npm run test:engines                            everything
 *   npm run test:engines -- kafka lake/             only test files with one of these in their path; Flink, Spark and Snowflake's stand-in are started where one of them is of it
 *   npm run test:engines -- --only postgres,redis   starts these engines alone; tests that need another one fail
 *   npm run test:engines -- --table                 runs the conformance suites on every adapter, and makes docs/CONFORMANCE.md of it
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EngineError, program } from '../engines/command.ts'
import { serveControl } from '../engines/control.ts'
import { installEngines, startEngines, testEnvironment, type EngineName } from '../engines/engines.ts'
import { freePorts } from '../engines/ports.ts'
import { openTemporaryFolder } from '../engines/run-folder.ts'
import { checkTable, faultsOf, runsSuite, TABLE, tableOf, type CaseResult } from './conformance.ts'
import { enginesNamed, untilStopped } from './engine-options.ts'
import { findTests, print, runTests, sum, type TestResult } from './run-tests.ts'
import { indent, seconds, type Tally } from './test-report.ts'

/** The engines take what the tests leave of two processors. */
const TEST_CONCURRENCY = 1
/** Engines are killed, and the whole replay is sent: it takes its time, and more in the long form. */
const TEST_MS_MAX = (process.env['FLOWGUARD_SOAK'] === undefined ? 15 : 90) * 60_000

const root = resolve(import.meta.dirname, '..')

async function runOnEngines(names: readonly EngineName[], files: readonly string[], concurrency = TEST_CONCURRENCY): Promise<TestResult> {
  const startedAt = performance.now()
  const installed = await installEngines(names)
  // As others do, tests read and write with it what FlowGuard wrote and reads.
  if (names.includes('kafka')) await program('kcat', { packageName: 'kcat' })
  print(` ok   the engines are installed  ${seconds(performance.now() - startedAt)}`)
  using stopping = untilStopped()
  using folder = openTemporaryFolder()
  const ports = await freePorts()
  const begunAt = performance.now()
  await using engines = await startEngines(installed, folder, ports)
  await using control = await serveControl(engines.servers)
  print(` ok   the engines are running  ${seconds(performance.now() - begunAt)}`)
  Object.assign(process.env, testEnvironment(names, folder, ports, installed.drivers), { FLOWGUARD_TEST_ENGINES: control.url })
  return await runTests({ root, files, concurrency, testMsMax: TEST_MS_MAX, signal: stopping.signal })
}

/**
 * By themselves, behind all else: what takes a gigabyte and compiles for minutes is not to be beside the tests of others. All of a file or none of it, by its
 * path.
 */
const APART: readonly { of: RegExp; names: readonly EngineName[]; concurrency?: number }[] = [
  // What needs no engine but programs of its own, that wait more than they compute.
  { of: /snowflake|airflow|superset/, names: ['snowflake', 'toxiproxy'], concurrency: 2 },
  { of: /spark/, names: ['spark'] },
  { of: /flink/, names: ['kafka', 'flink'] },
]

async function runInTurn(files: readonly string[]): Promise<TestResult> {
  const together = files.filter((file) => !APART.some(({ of }) => of.test(file)))
  const groups: { names: readonly EngineName[]; files: readonly string[]; concurrency?: number }[] = [
    { names: enginesNamed(undefined), files: together },
    ...APART.map(({ of, ...how }) => ({ ...how, files: files.filter((file) => of.test(file)) })),
  ]
  const results: TestResult[] = []
  for (const { names, files: own, concurrency } of groups) if (own.length > 0) results.push(await runOnEngines(names, own, concurrency))
  return { tally: sum(results.map(({ tally }) => tally)), cases: results.flatMap(({ cases }) => cases) }
}

function makeTable(cases: readonly CaseResult[]): Tally {
  const faults = faultsOf(cases)
  if (faults.length > 0 || cases.length === 0) {
    print(`FAIL  ${TABLE} is not made`)
    print(indent([...faults, ...(cases.length === 0 ? ['no case was run'] : [])].join('\n')))
    return { passed: 0, failed: 1, skipped: 0 }
  }
  writeFileSync(join(root, TABLE), tableOf(cases))
  print(` ok   ${TABLE} is made`)
  return { passed: 1, failed: 0, skipped: 0 }
}

async function main(): Promise<Tally> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string' }, table: { type: 'boolean', default: false } },
  })
  const ofEngines = findTests(root, 'engines', positionals)
  if (values.table) {
    const files = [...findTests(root, 'embedded', []), ...findTests(root, 'engines', [])].filter(runsSuite)
    const { tally, cases } = await (values.only === undefined ? runInTurn(files) : runOnEngines(enginesNamed(values.only), files))
    return sum([tally, makeTable(cases)])
  }
  if (ofEngines.length === 0) throw new EngineError(`there is no test with ${positionals.join(' or ')} in its path`)
  const { tally, cases } = await (values.only === undefined ? runInTurn(ofEngines) : runOnEngines(enginesNamed(values.only), ofEngines))
  return positionals.length === 0 && values.only === undefined ? sum([tally, checkTable(root, cases, true, print)]) : tally
}

const startedAt = performance.now()
let total: Tally
try {
  total = await main()
} catch (error) {
  if (!(error instanceof EngineError)) throw error
  print(`FAIL  the engines\n${indent(error.message)}`)
  total = { passed: 0, failed: 1, skipped: 0 }
}
print(`\n${seconds(performance.now() - startedAt)}${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
print(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
