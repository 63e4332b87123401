import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import test from 'node:test'
import { gzipSync } from 'node:zlib'
import { EVENT_BYTES_MAX } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { identify, readEvents, type FileEvent } from './replay-file.ts'
import { firstTime, openSource, timeSpan } from './replay-source.ts'
import { temporaryFolder } from './testing/run.ts'

async function all(path: string): Promise<FileEvent[]> {
  return (await Array.fromAsync(readEvents(path))).flat()
}

const brief = (events: readonly FileEvent[]) =>
  events.map((each) => ('text' in each ? [each.line, JSON.parse(each.text) as unknown] : [each.line, each.fault]))

test('NDJSON is read line by line, with its faults, blank lines and Windows ends', async () => {
  using folder = temporaryFolder()
  const path = folder.file('a.ndjson')
  const bytes = Buffer.concat([
    Buffer.from('\ufeff{"a":1}\r\n\n{"a":\n[1]\n'),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from('{"a":2}'),
  ])
  writeFileSync(path, bytes)
  assert.deepEqual(brief(await all(path)), [
    [1, { a: 1 }],
    [3, 'malformed_json'],
    [4, 'malformed_json'],
    [5, 'not_utf8'],
    [6, { a: 2 }],
  ])
})

test('what nothing has to be put into is sent as it stands in the file', async () => {
  using folder = temporaryFolder()
  const path = folder.file('a.ndjson')
  const line = '{ "event_id": "x", "price": 1.50, "big": 12345678901234567890 }'
  writeFileSync(path, `${line}\n`)
  const [event] = await all(path)
  assert.equal(event && 'text' in event && event.text, line)
})

test('CSV has a header; a record may span lines; its line is where it begins', async () => {
  using folder = temporaryFolder()
  const path = folder.file('a.csv')
  writeFileSync(path, 'event_type,item_id,note\r\norder,1,"two\nlines"\norder,2,b\norder,3\norder,4,"x"y\n"a')
  assert.deepEqual(brief(await all(path)), [
    [2, { event_type: 'order', item_id: 1, note: 'two\nlines' }],
    [4, { event_type: 'order', item_id: 2, note: 'b' }],
    [5, 'malformed_csv'],
    [6, 'malformed_csv'],
    [7, 'malformed_csv'],
  ])
})

test('both may be gzipped, in several members too, and are told by their bytes', async () => {
  using folder = temporaryFolder()
  const path = folder.file('a.csv.gz')
  writeFileSync(path, Buffer.concat([gzipSync('item_id\n1\n'), gzipSync('2\n')]))
  assert.deepEqual(brief(await all(path)), [
    [2, { item_id: 1 }],
    [3, { item_id: 2 }],
  ])
  const plain = folder.file('b.gz')
  writeFileSync(plain, '{"a":1}\n')
  assert.deepEqual(brief(await all(plain)), [[1, { a: 1 }]])
})

test('a torn gzip file, a JSON array and a missing file are refused by name', async () => {
  using folder = temporaryFolder()
  const whole = gzipSync(Array.from({ length: 50_000 }, (_, at) => `{"a":${at * 7919}}`).join('\n'))
  writeFileSync(folder.file('torn.gz'), whole.subarray(0, whole.length / 2))
  writeFileSync(folder.file('array.json'), '[\n{"a":1}\n]\n')
  for (const [name, code, words] of [
    ['torn.gz', 'file_invalid', /cannot be read after line \d{3,}/],
    ['array.json', 'file_invalid', /an event a line/],
    ['none.ndjson', 'file_missing', /there is no such file/],
  ] as const) {
    await assert.rejects(all(folder.file(name)), (error: Error) => hasCode(error, code) && words.test(error.message), name)
  }
})

test('an event over the limit is a fault of its line, not of the batch', async () => {
  using folder = temporaryFolder()
  const path = folder.file('a.ndjson')
  writeFileSync(path, `{"a":"${'x'.repeat(EVENT_BYTES_MAX)}"}\n{"a":1}\n`)
  assert.deepEqual(brief(await all(path)), [
    [1, 'too_large'],
    [2, { a: 1 }],
  ])
})

test('a file is named by its bytes, and spans its event times', async () => {
  using folder = temporaryFolder()
  const path = folder.file('a.ndjson')
  writeFileSync(
    path,
    '{"timestamp":"2026-01-01T00:00:01Z"}\n{}\n{"timestamp":"2026-01-01T00:00:03Z"}\n{"timestamp":"2026-01-01T00:00:02Z"}\n',
  )
  writeFileSync(folder.file('b.ndjson'), '{"timestamp":"2026-01-01T00:00:01Z"}\n')
  const start = Date.parse('2026-01-01T00:00:00Z')
  await using source = await openSource(path, {
    mapping: undefined,
    signal: new AbortController().signal,
    say: (text) => assert.equal(text, undefined),
  })
  assert.deepEqual(await timeSpan(source), { first: start + 1_000, last: start + 3_000 })
  assert.equal(await firstTime(source), start + 1_000)
  assert.notEqual((await identify(path)).sha256, (await identify(folder.file('b.ndjson'))).sha256)
})
