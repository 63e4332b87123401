import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DAY_MS, DEAD, ORDERS, RAW_TOPICS, TOPICS, type Topic } from '@flowguard/contract'
import { ROOT } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { letterOf, recordOf } from '../reader/loop.ts'
import type { LogRecord } from './event-log.ts'
import { readTopics, RECORD_BYTES_MAX, settingsOf } from './topics.ts'

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

test('what Kafka needs besides is declared too, or follows from the copies, which the settings may outweigh', () => {
  const file = withLine('dead.v1', '  dead.v1: { partitions: 3, copies: 3, retention_days: 7, compression: zstd, min_insync: 1 }')
  const of = (copies: number, topic: 'dead.v1' | 'sessions.v1') => settingsOf(topic, readTopics(file, copies)[topic])
  const settings = {
    'retention.ms': String(7 * DAY_MS),
    'compression.type': 'zstd',
    'min.insync.replicas': '1',
    'max.message.bytes': String(8 * 1024 * 1024 + 4096),
  }
  assert.deepEqual(of(0, 'dead.v1'), settings)
  assert.deepEqual(of(3, 'dead.v1'), { ...settings, 'min.insync.replicas': '2' })
  assert.deepEqual(of(0, 'sessions.v1'), { ...settings, 'compression.type': 'uncompressed' })
  assert.deepEqual([readTopics(file, 1)['sessions.v1'].copies, readTopics(file, 1)['sessions.v1'].minInsync], [1, 1])
})

test('whatever a raw topic takes, its dead letter fits where dead letters lie', () => {
  const specs = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
  const bytesMax = (topic: Topic) => Number(settingsOf(topic, specs[topic])['max.message.bytes'])
  const place = { topic: ORDERS as Topic, partition: 0, offset: Number.MAX_SAFE_INTEGER, appendedAt: 0 }
  for (const topic of RAW_TOPICS) {
    const most = bytesMax(topic)
    const control = '\u0001'.repeat(most)
    const records: LogRecord[] = [
      { ...place, key: null, value: '', bytes: new Uint8Array(most), headers: {} },
      { ...place, key: control, value: '', headers: {} },
      { ...place, key: Buffer.alloc(most, 0xff).toString(), value: '', headers: {} },
      { ...place, key: null, value: '', headers: { control } },
      { ...place, key: null, value: '', headers: { [control]: '' } },
    ]
    for (const record of records) {
      const letter = recordOf({ record, letter: letterOf('reader', record, 'invalid_event', 'd'.repeat(10_000), 0, 0) })
      const headers = Object.entries(letter.headers).flat()
      const bytes = [letter.key, letter.value as string, ...headers].reduce((sum, each) => sum + Buffer.byteLength(each), 0)
      assert.ok(bytes <= RECORD_BYTES_MAX, `${topic}: ${bytes}`)
    }
  }
  assert.ok(bytesMax(DEAD) > RECORD_BYTES_MAX)
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
    [
      withLine('sessions.v1', '  sessions.v1: { partitions: 3, copies: 2, retention_days: 7, compression: zip }'),
      /sessions\.v1 needs as compression/,
    ],
    [
      withLine('sessions.v1', '  sessions.v1: { partitions: 3, copies: 2, retention_days: 7, min_insync: 3 }'),
      /min_insync \(if any\) 1 to its copies/,
    ],
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
    ['topics:', ...LINES.map((line) => line.replace(' }', ', compression: none, min_insync: 1 }'))],
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
