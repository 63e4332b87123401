/**
 * `npm test`: the checks, then every test. Its last line is `N passed, N failed`; each check counts as one.
 *
 *   npm test                         everything but what needs the real engines (npm run test:engines)
 *   npm test -- --checks-only        only types, format, lint, layers, unused
 *   npm test -- --soak               the tests in their long form
 *   npm test -- watermark billing/   only test files with one of these in their path, without the checks
 *
 * With CI=true a skipped test counts as failed.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checksIn, runCheck } from './checks.ts'
import { checkTable } from './conformance.ts'
import { findTests, print, runTests, sum } from './run-tests.ts'
import { indent, seconds, type Tally } from './test-report.ts'

const TEST_CONCURRENCY = 2
const TEST_MS_MAX = 3 * 60_000
const SOAK_TEST_MS_MAX = 3 * 60 * 60_000

const root = resolve(import.meta.dirname, '..')

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
  const { tally, cases } = await runTests({
    root,
    files: findTests(root, 'embedded', positionals),
    concurrency: TEST_CONCURRENCY,
    testMsMax: values.soak ? SOAK_TEST_MS_MAX : TEST_MS_MAX,
  })
  tallies.push(tally)
  if (positionals.length === 0) tallies.push(checkTable(root, cases, false, print))
}
const total = sum(tallies)
print(`\n${seconds(performance.now() - startedAt)}${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
print(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
