/** The table of conformance, and what holds it to the tests. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { caseOf, checkTable, differences, faultsOf, parseTable, TABLE, tableOf, type CaseResult } from '../scripts/conformance.ts'

const result = (adapter: string, title: string, more: Partial<CaseResult> = {}): CaseResult => ({
  suite: 'event-log',
  adapter,
  title,
  needsEngine: adapter !== 'sqlite',
  passed: true,
  ...more,
})
const BOTH = [result('kafka', 'keeps order'), result('kafka', 'a | b'), result('sqlite', 'a | b'), result('sqlite', 'keeps order')]

test('a test of a suite is a case, by the adapter that its name begins with, or whose test file ran it', () => {
  const file = '/x/log/event-log.conformance.ts'
  assert.deepEqual(caseOf({ name: 'kafka: keeps order', file, entryFile: '/x/log/adapters/kafka.engines.test.ts' }, true), [BOTH[0]])
  assert.deepEqual(caseOf({ name: 'keeps order', file, entryFile: '/x/log/adapters/kafka.engines.test.ts' }, true), [BOTH[0]])
  assert.deepEqual(caseOf({ name: 'kafka: keeps order', file: '/x/log/adapters/kafka.test.ts' }, true), [])
})

test('what is written is read again', () => {
  const text = tableOf(BOTH)
  assert.match(text, /^\| case \| sqlite \| \*\*kafka\*\* \|$/m)
  const inOrder = (results: readonly CaseResult[]) => results.toSorted((a, b) => (a.adapter + a.title < b.adapter + b.title ? -1 : 1))
  assert.deepEqual(inOrder(parseTable(text)), inOrder(BOTH))
})

test('a table of what failed, or of what an adapter did not run, is refused', () => {
  assert.deepEqual(faultsOf(BOTH), [])
  assert.deepEqual(faultsOf([result('sqlite', 'keeps order', { passed: false })]), ['failed: event-log > sqlite: keeps order'])
  assert.deepEqual(faultsOf(BOTH.slice(1)), ['not run: event-log > kafka: keeps order'])
  assert.deepEqual(faultsOf(parseTable(tableOf(BOTH.slice(1)))), ['not run: event-log > kafka: keeps order'])
})

test('a run is held to the adapters that it is for', () => {
  const embedded = BOTH.filter(({ needsEngine }) => !needsEngine)
  assert.deepEqual(differences(embedded, BOTH, false), [])
  assert.deepEqual(differences([...embedded, result('sqlite', 'new')], BOTH, false), ['run, and not in the table: event-log > sqlite: new'])
  assert.deepEqual(differences([], BOTH, true).toSorted(), [
    'in the table, and not run: event-log > kafka: a | b',
    'in the table, and not run: event-log > kafka: keeps order',
  ])
})

test('a run that differs from the committed table counts as one that failed', () => {
  const root = mkdtempSync(join(tmpdir(), 'flowguard-table-'))
  try {
    mkdirSync(dirname(join(root, TABLE)), { recursive: true })
    writeFileSync(join(root, TABLE), tableOf(BOTH))
    const lines: string[] = []
    const check = (ran: readonly CaseResult[]) => checkTable(root, ran, true, (line) => lines.push(line)).failed
    assert.equal(check(BOTH), 0)
    assert.equal(check(BOTH.slice(1)), 1)
    assert.match(lines.join('\n'), /not run: event-log > kafka: keeps order[^]*npm run test:engines -- --table/)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
