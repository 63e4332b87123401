/**
 * The table of docs/CONFORMANCE.md: every case of the conformance suites by every adapter. `npm run test:engines -- --table` makes it; `npm test` and
 * `npm run test:engines` fail where the cases that they ran are not those of the table.
 */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { indent, type Tally } from './test-report.ts'

export const TABLE = 'docs/CONFORMANCE.md'

const SUITE = /([\w-]+)\.conformance\.ts$/
const ADAPTER = /^([a-z][\w-]*): /
const PASSED = '✓'
const FAILED = '✗'
const NOT_RUN = ' '

export interface CaseResult {
  suite: string
  title: string
  adapter: string
  needsEngine: boolean
  passed: boolean
}

/** The part of a node:test event that is read here. `file` is where the test is written, `entryFile` what was run. */
interface Ended {
  name: string
  file?: string | undefined
  entryFile?: string
}

/** The case that a test is, or none: a test of a suite is written in a `*.conformance.ts`, and named `<adapter>: <case>` or run by the adapter's own test file. */
export function caseOf({ name, file = '', entryFile = '' }: Ended, passed: boolean): CaseResult[] {
  const suite = SUITE.exec(file)?.[1]
  if (suite === undefined) return []
  const named = ADAPTER.exec(name)
  const adapter = named?.[1] ?? basename(entryFile).replace(/[.-].*$/, '')
  const title = named ? name.slice(named[0].length) : name
  return [{ suite, title, adapter, needsEngine: entryFile.endsWith('.engines.test.ts'), passed }]
}

/** Whether a test file runs a suite. */
export function runsSuite(file: string): boolean {
  return /from '[^']*\.conformance\.ts'/.test(readFileSync(file, 'utf8'))
}

export function tableOf(results: readonly CaseResult[]): string {
  const suites = [...new Set(results.map(({ suite }) => suite))].toSorted()
  return `# Conformance

Every case of each port's suite (\`*.conformance.ts\`) by every adapter of the port, as the tests last ran them. Made by \`npm run test:engines -- --table\`.
\`npm test\` fails where it runs other cases than these; so does \`npm run test:engines\`, for the adapters in bold, which it runs against the real engines.

${suites.map((suite) => suiteTable(suite, results)).join('\n')}`
}

function suiteTable(suite: string, all: readonly CaseResult[]): string {
  const results = all.filter((each) => each.suite === suite)
  const adapters = [...new Map(results.map((each) => [each.adapter, each.needsEngine]))].toSorted(
    ([a, aNeeds], [b, bNeeds]) => Number(aNeeds) - Number(bNeeds) || (a < b ? -1 : 1),
  )
  const titles = [...new Set(results.map(({ title }) => title))].toSorted()
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  const cell = (title: string, adapter: string) => {
    const found = results.find((each) => each.title === title && each.adapter === adapter)
    return found === undefined ? NOT_RUN : found.passed ? PASSED : FAILED
  }
  return [
    `## ${suite}\n\n`,
    row(['case', ...adapters.map(([name, needsEngine]) => (needsEngine ? `**${name}**` : name))]),
    row(['---', ...adapters.map(() => ':---:')]),
    ...titles.map((title) => row([title.replaceAll('|', String.raw`\|`), ...adapters.map(([name]) => cell(title, name))])),
  ].join('')
}

/** The cases of a table. */
export function parseTable(text: string): CaseResult[] {
  const results: CaseResult[] = []
  let suite = ''
  let adapters: string[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) [suite, adapters] = [line.slice(3).trim(), []]
    if (!line.startsWith('| ') || line.startsWith('| ---')) continue
    const [first = '', ...cells] = line.split(/(?<!\\)\|/).slice(1, -1)
    const texts = cells.map((each) => each.trim())
    if (adapters.length === 0) {
      adapters = texts
      continue
    }
    const title = first.trim().replaceAll(String.raw`\|`, '|')
    adapters.forEach((adapter, at) => {
      if (texts[at] === '') return
      const needsEngine = adapter.startsWith('**')
      results.push({ suite, title, adapter: adapter.replaceAll('**', ''), needsEngine, passed: texts[at] === PASSED })
    })
  }
  return results
}

/** What no table may show: a case that failed, and one that an adapter of the suite did not run. */
export function faultsOf(results: readonly CaseResult[]): string[] {
  const failed = results.filter(({ passed }) => !passed).map((each) => `failed: ${textOf(each)}`)
  const ran = new Set(results.map(textOf))
  const missing = results.flatMap((each) =>
    [...new Set(results.filter(({ suite }) => suite === each.suite).map(({ adapter }) => adapter))]
      .map((adapter) => textOf({ ...each, adapter }))
      .filter((text) => !ran.has(text)),
  )
  return [...failed, ...[...new Set(missing)].map((text) => `not run: ${text}`)]
}

/** How the cases of a run differ from those of the table, of the adapters that this run is for. */
export function differences(ran: readonly CaseResult[], table: readonly CaseResult[], needsEngine: boolean): string[] {
  const textsOf = (results: readonly CaseResult[]) => new Set(results.filter((each) => each.needsEngine === needsEngine).map(textOf))
  const [now, then] = [textsOf(ran), textsOf(table)]
  return [
    ...[...now.difference(then)].map((text) => `run, and not in the table: ${text}`),
    ...[...then.difference(now)].map((text) => `in the table, and not run: ${text}`),
  ]
}

function textOf({ suite, adapter, title }: CaseResult): string {
  return `${suite} > ${adapter}: ${title}`
}

/** Counts as one check of the run. */
export function checkTable(root: string, ran: readonly CaseResult[], needsEngine: boolean, print: (line: string) => void): Tally {
  const table = parseTable(readTable(root))
  const problems = [...differences(ran, table, needsEngine), ...faultsOf(table).map((fault) => `in the table, ${fault}`)]
  if (table.length === 0) problems.push('the table is empty')
  print(`${problems.length === 0 ? ' ok ' : 'FAIL'}  the table of conformance`)
  if (problems.length === 0) return { passed: 1, failed: 0, skipped: 0 }
  print(indent([...problems, `${TABLE} is made by: npm run test:engines -- --table`].join('\n')))
  return { passed: 0, failed: 1, skipped: 0 }
}

function readTable(root: string): string {
  try {
    return readFileSync(join(root, TABLE), 'utf8')
  } catch {
    return ''
  }
}
