/** Runs test files as `npm test` and `npm run test:engines` do, and reports them alike. */
import { globSync } from 'node:fs'
import { join, sep } from 'node:path'
import { run } from 'node:test'
import { caseOf, type CaseResult } from './conformance.ts'
import { report, type Tally } from './test-report.ts'

/** A file whose tests have ended may still hang on a handle that nobody closed. */
const SILENCE_MS_MAX = 60_000

/** A test that needs the real engines says so by its name. */
const OF_ENGINES = /\.engines\.test\.ts$/

export type Kind = 'embedded' | 'engines'

export const isOfEngines = (path: string): boolean => OF_ENGINES.test(path)

/** The test files of a kind, of whose paths one of the filters is a part, or all. */
export function findTests(root: string, kind: Kind, filters: readonly string[]): string[] {
  const files = ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'engines/*.test.ts', 'test/**/*.test.ts'].flatMap((pattern) =>
    globSync(pattern, { cwd: root }),
  )
  const paths = files
    .map((file) => file.split(sep).join('/'))
    .filter((path) => isOfEngines(path) === (kind === 'engines'))
    .toSorted()
  const chosen =
    filters.length === 0 ? paths : paths.filter((path) => filters.some((filter) => path.includes(filter.replaceAll('\\', '/'))))
  return chosen.map((path) => join(root, path))
}

export interface TestRun {
  root: string
  files: readonly string[]
  concurrency: number
  testMsMax: number
  signal?: AbortSignal
}

export interface TestResult {
  tally: Tally
  /** What came of each case of the conformance suites. */
  cases: CaseResult[]
}

export async function runTests({ root, files, concurrency, testMsMax, signal }: TestRun): Promise<TestResult> {
  const cases: CaseResult[] = []
  if (files.length === 0) {
    print('FAIL  no test file was found')
    return { tally: { passed: 0, failed: 1, skipped: 0 }, cases }
  }
  const silence = new AbortController()
  const events = run({
    files,
    cwd: root,
    concurrency,
    timeout: testMsMax,
    signal: signal ? AbortSignal.any([silence.signal, signal]) : silence.signal,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  const watch = setTimeout(() => silence.abort(new Error('nothing happened for too long')), testMsMax + SILENCE_MS_MAX)
  for (const event of ['test:dequeue', 'test:complete'] as const) events.on(event, () => watch.refresh())
  events.on('test:pass', (data) => cases.push(...caseOf(data, data.skip === undefined && data.todo === undefined)))
  events.on('test:fail', (data) => cases.push(...caseOf(data, false)))
  const tally = await report(events, { root, skippedFails: process.env['CI'] === 'true', print })
  clearTimeout(watch)
  if (tally.passed + tally.failed > 0) return { tally, cases }
  print('FAIL  no test was executed')
  return { tally: { ...tally, failed: 1 }, cases }
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((all, tally) => ({
    passed: all.passed + tally.passed,
    failed: all.failed + tally.failed,
    skipped: all.skipped + tally.skipped,
  }))
}
