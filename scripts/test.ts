/**
 * `npm test`: the checks, then every test. Its last line is `N passed, N failed`; each check counts as one.
 *
 *   npm test                         everything
 *   npm test -- --checks-only        only types, format, lint, layers, unused
 *   npm test -- --soak               the tests in their long form
 *   npm test -- watermark billing/   only test files with one of these in their path, without the checks
 *
 * With CI=true a skipped test counts as failed.
 */
import { globSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { run } from 'node:test'
import { parseArgs } from 'node:util'
import { checksIn, runCheck } from './checks.ts'
import { indent, report, seconds, type Tally } from './test-report.ts'

const TEST_CONCURRENCY = 2
const TEST_MS_MAX = 3 * 60_000
const SOAK_TEST_MS_MAX = 3 * 60 * 60_000
/** A file whose tests have ended may still hang on a handle that nobody closed. */
const SILENCE_MS_MAX = 60_000

const root = resolve(import.meta.dirname, '..')

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function runChecks(): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 }
  for (const check of checksIn(root)) {
    const { passed, output, ms } = await runCheck(root, check)
    print(`${passed ? ' ok ' : 'FAIL'}  ${check.name}  ${seconds(ms)}`)
    if (passed) tally.passed += 1
    else {
      tally.failed += 1
      print(indent(output || 'it failed without a word'))
    }
  }
  return tally
}

function findTests(filters: readonly string[]): string[] {
  const files = ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'test/**/*.test.ts'].flatMap((pattern) =>
    globSync(pattern, { cwd: root }),
  )
  const paths = files.map((file) => file.split(sep).join('/')).toSorted()
  const chosen =
    filters.length === 0 ? paths : paths.filter((path) => filters.some((filter) => path.includes(filter.replaceAll('\\', '/'))))
  return chosen.map((path) => join(root, path))
}

async function runTests(files: readonly string[], soak: boolean): Promise<Tally> {
  if (files.length === 0) {
    print('FAIL  no test file was found')
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const testMsMax = soak ? SOAK_TEST_MS_MAX : TEST_MS_MAX
  const silence = new AbortController()
  const events = run({
    files,
    cwd: root,
    concurrency: TEST_CONCURRENCY,
    timeout: testMsMax,
    signal: silence.signal,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  const watch = setTimeout(() => silence.abort(new Error('nothing happened for too long')), testMsMax + SILENCE_MS_MAX)
  for (const event of ['test:dequeue', 'test:complete'] as const) events.on(event, () => watch.refresh())
  const tally = await report(events, { root, skippedFails: process.env['CI'] === 'true', print })
  clearTimeout(watch)
  if (tally.passed + tally.failed > 0) return tally
  print('FAIL  no test was executed')
  return { ...tally, failed: 1 }
}

const startedAt = performance.now()
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { soak: { type: 'boolean', default: false }, 'checks-only': { type: 'boolean', default: false } },
})
const tallies: Tally[] = []
if (positionals.length === 0) tallies.push(await runChecks())
if (!values['checks-only']) {
  if (values.soak) {
    process.env['FLOWGUARD_SOAK'] = '1'
    print('soak: tests that know FLOWGUARD_SOAK=1 run their long form: every kill, every timeline, the whole replay')
  }
  tallies.push(await runTests(findTests(positionals), values.soak))
}
const total = tallies.reduce((sum, tally) => ({
  passed: sum.passed + tally.passed,
  failed: sum.failed + tally.failed,
  skipped: sum.skipped + tally.skipped,
}))
print(`\n${seconds(performance.now() - startedAt)}${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
print(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
