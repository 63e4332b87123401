import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DAY_MS, TOPICS } from '@flowguard/contract'
import { ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { readTopics } from './topics.ts'

const folder = mkdtempSync(join(tmpdir(), 'flowguard-topics-'))
after(() => rmSync(folder, { recursive: true }))

const LINES = TOPICS.map((topic) => `  ${topic}: { partitions: 3, copies: 2, retention_days: 7 }`)

let files = 0
function fileOf(text: string): string {
  const file = join(folder, `topics-${(files += 1)}.yaml`)
  writeFileSync(file, text)
  return file
}

/** The whole declaration with one line replaced. */
const withLine = (topic: string, line: string) =>
  fileOf(['topics:', ...LINES.map((each) => (each.startsWith(`  ${topic}:`) ? line : each))].join('\n'))

test('the declared topics are those of the contract', () => {
  const specs = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(specs).map(([topic, { partitions, copies, retentionMs }]) => [topic, [partitions, copies, retentionMs / DAY_MS]]),
    ),
    {
      'raw.orders.v1': [3, 2, 7],
      'raw.clicks.v1': [6, 2, 2],
      'raw.events.v1': [6, 2, 7],
      'attributed.events.v1': [3, 2, 7],
      'metrics.ads.v1': [3, 2, 7],
      'sessions.v1': [3, 2, 7],
      'alerts.v1': [1, 2, 30],
      'recon.v1': [1, 2, 30],
      'dead.v1': [3, 2, 30],
    },
  )
})

test('half a day is kept for half a day', () => {
  assert.equal(
    readTopics(withLine('dead.v1', '  dead.v1: { partitions: 1, copies: 1, retention_days: 0.5 }'))['dead.v1'].retentionMs,
    DAY_MS / 2,
  )
})

test('a declaration that is wrong is refused, with the file and the topic', () => {
  const FAULTS: [string, RegExp][] = [
    [join(folder, 'nowhere.yaml'), /nowhere\.yaml: ENOENT/],
    [fileOf(''), /raw\.orders\.v1 needs/],
    [fileOf('topics: ['), /topics-\d+\.yaml: /],
    [withLine('sessions.v1', ''), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: 0, copies: 2, retention_days: 7 }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: 1.5, copies: 2, retention_days: 7 }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: 1001, copies: 2, retention_days: 7 }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: "3", copies: 2, retention_days: 7 }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: 3, retention_days: 7 }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: 3, copies: 2, retention_days: 0 }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1: { partitions: 3, copies: 2, retention_days: .nan }'), /sessions\.v1 needs/],
    [withLine('sessions.v1', '  sessions.v1:'), /sessions\.v1 needs/],
    [withLine('sessions.v1', `${LINES[5]}\n  sessions.v2: { partitions: 3, copies: 2, retention_days: 7 }`), /unknown topic sessions\.v2/],
    [fileOf('- a list'), /topics-\d+\.yaml/],
    [fileOf('just text'), /topics-\d+\.yaml/],
    [fileOf('topics: none'), /topics-\d+\.yaml/],
  ]
  for (const [file, pattern] of FAULTS) {
    assert.throws(
      () => readTopics(file),
      (error) => hasCode(error, 'file_invalid') && pattern.test((error as Error).message),
      `${file} ${pattern}`,
    )
  }
})

test('a declaration in another form of YAML says the same', () => {
  const plain = readTopics(fileOf(['topics:', ...LINES].join('\n')))
  const FORMS = [
    ['# more', 'topics:', ...LINES.map((line) => `${line} # kept`)],
    ['topics:', ...TOPICS.flatMap((topic) => [`  "${topic}":`, '    copies: 2', '    retention_days: 7.0', '    partitions: 0x3'])],
    [JSON.stringify({ topics: Object.fromEntries(TOPICS.map((topic) => [topic, { partitions: 3, copies: 2, retention_days: 7 }])) })],
    [['topics:', ...LINES, ''].join('\r\n')],
  ]
  for (const form of FORMS) assert.deepEqual(readTopics(fileOf(form.join('\n'))), plain, form[0])
  assert.throws(
    () => readTopics(fileOf(['topics:', ...LINES, LINES[0]].join('\n'))),
    (error) => hasCode(error, 'file_invalid') && /unique/.test((error as Error).message),
  )
})
