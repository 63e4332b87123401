import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { gzipSync } from 'node:zlib'
import { mulberry32 } from './prng.ts'
import { fakeGateway, type FakeGateway } from './testing/gateway.ts'
import { run, start, temporaryFolder } from './testing/run.ts'

const START = Date.parse('2026-01-01T00:00:00Z')

function ndjson(count: number): string {
  return Array.from({ length: count }, (_, at) =>
    JSON.stringify({ event_type: 'click', event_id: `e${at + 1}`, timestamp: new Date(START + at * 1_000).toISOString() }),
  ).join('\n')
}

const ids = (count: number) => Array.from({ length: count }, (_, at) => `e${at + 1}`)
const base = (gateway: FakeGateway, folder: { path: string }) => [
  '--data-dir',
  folder.path,
  '--gateway-url',
  gateway.url,
  '--ops-url',
  gateway.url,
  '--json',
]
const batches = (gateway: FakeGateway) => gateway.requests.filter(({ url }) => url === '/api/v1/batch')

test('a gzipped file goes out whole, in order, 500 at a time, with the write key', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson.gz'), gzipSync(ndjson(1_100)))
  const { code, stdout } = await run(['replay', folder.file('a.ndjson.gz'), ...base(gateway, folder)], { env: { WRITE_KEY: 'secret' } })
  assert.equal(code, 0)
  const { sent, accepted, duplicate, rejected } = JSON.parse(stdout) as Record<string, number>
  assert.deepEqual({ sent, accepted, duplicate, rejected }, { sent: 1_100, accepted: 1_100, duplicate: 0, rejected: 0 })
  assert.deepEqual(gateway.accepted, ids(1_100))
  assert.equal(batches(gateway).length, 3)
  assert.equal(batches(gateway)[0]?.headers.authorization, 'Bearer secret')
})

test('a CSV whose rows are no events is refused before anything is sent, with the way to make them some', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(3))
  writeFileSync(folder.file('b.csv.gz'), gzipSync('\ufeffinvoice,"größe, cm"\r\n1,2\r\n'))
  for (const more of [[], ['--dry-run']]) {
    const { code, stderr } = await run(['replay', folder.file('a.ndjson'), folder.file('b.csv.gz'), ...more, ...base(gateway, folder)])
    assert.equal(code, 1)
    assert.match(stderr, /b\.csv\.gz: line 1: no column is called event_type \(there are invoice, größe, cm\).*--map FILE\.sql.*--dry-run/)
  }
  assert.deepEqual(batches(gateway), [])
  writeFileSync(folder.file('c.csv'), 'event_type,event_id,timestamp\nclick,e1,2026-01-01T00:00:00Z\n')
  assert.equal((await run(['replay', folder.file('c.csv'), ...base(gateway, folder)])).code, 0)
  assert.deepEqual(gateway.accepted, ['e1'])
})

test('a gateway that fails now and then costs no event and no order', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  const random = mulberry32(7)
  writeFileSync(folder.file('a.ndjson'), ndjson(6_000))
  const failures = [
    { status: 503, headers: { 'retry-after': '0' } },
    { status: 429, headers: { 'retry-after': '0' } },
    { status: 502 },
    { reset: true as const },
  ]
  gateway.told = () => (random() < 0.5 ? failures[Math.floor(random() * failures.length)] : undefined)
  const { code } = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(code, 0)
  assert.deepEqual(gateway.accepted, ids(6_000))
})

test('Retry-After is honoured, and an outage is said once', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(3))
  gateway.told = (_url, count) =>
    count <= 2 ? { status: 503, headers: { 'retry-after': '1' }, body: { detail: 'the disk is full' } } : undefined
  const startedAt = performance.now()
  const { code, stderr } = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(code, 0)
  assert.ok(performance.now() - startedAt >= 1_950)
  assert.equal(stderr.match(/the disk is full/g)?.length, 1)
  assert.match(stderr, /answers again after 2\.\d s/)
})

test('when the patience is used up it fails, and says that it will go on', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(1_500))
  gateway.told = () => (batches(gateway).length >= 2 ? { status: 503, headers: { 'retry-after': '0' } } : undefined)
  const { code, stderr } = await run(['replay', folder.file('a.ndjson'), '--patience', '0.3', ...base(gateway, folder)])
  assert.equal(code, 1)
  assert.match(stderr, /error: .* answers 503.*started again, the replay goes on/)
  gateway.told = () => undefined
  const again = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(again.code, 0)
  assert.match(again.stderr, /going on after line 500/)
  assert.deepEqual(gateway.accepted, ids(1_500))
})

test('an interrupted replay exits 130, notes how far it came, and goes on from there', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(2_000))
  const running = start(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  gateway.told = () => {
    if (batches(gateway).length >= 2) running.interrupt()
    return undefined
  }
  assert.equal((await running.done).code, 130)
  // The batch that was on its way when it was interrupted has been answered, and is noted.
  assert.deepEqual(gateway.accepted, ids(1_000))
  const [name = ''] = readdirSync(join(folder.path, 'replay'))
  const note = JSON.parse(readFileSync(join(folder.path, 'replay', name), 'utf8')) as { line: number; finished: boolean }
  assert.deepEqual([note.line, note.finished], [1_000, false])

  gateway.told = () => undefined
  // Meanwhile time has gone on: that is no reason to refuse the rest.
  gateway.highestTs = START + 1e9
  const rest = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(rest.code, 0)
  assert.deepEqual(gateway.accepted, ids(2_000))

  const again = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.match(again.stderr, /sent to this gateway before \(all of it\)/)
  assert.deepEqual(gateway.accepted, [...ids(2_000), ...ids(2_000)])
})

test('a file whose time has passed is refused with advice, unless it is meant', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(10))
  gateway.highestTs = START + 10_000
  assert.equal((await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])).code, 0)
  gateway.highestTs = START + 86_400_000
  writeFileSync(folder.file('b.ndjson'), `${ndjson(10)}\n`)
  const refused = await run(['replay', folder.file('b.ndjson'), ...base(gateway, folder)])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /would be 1 d 0 h late/)
  assert.match(refused.stderr, /--retime .*--data-dir.*--late/)
  assert.equal(gateway.accepted.length, 10)
  assert.equal((await run(['replay', folder.file('b.ndjson'), '--late', ...base(gateway, folder)])).code, 0)
  assert.equal(gateway.accepted.length, 20)
})

test('--retime makes the last event now, keeps the distances, and is the same when sent again', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(5))
  gateway.highestTs = START + 86_400_000
  const now = START + 365 * 86_400_000
  const args = ['replay', folder.file('a.ndjson'), '--retime', ...base(gateway, folder)]
  assert.equal((await run(args, { clock: () => now })).code, 0)
  const times = () => gateway.events.map((event) => Date.parse(event['timestamp'] as string) - now)
  assert.deepEqual(times(), [-4_000, -3_000, -2_000, -1_000, 0])
  assert.equal((await run(args, { clock: () => now + 60_000 })).code, 0)
  assert.deepEqual(times().slice(5), [-4_000, -3_000, -2_000, -1_000, 0])
})

test('what was sent with its own times is not sent again with others', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(5))
  await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  const { code, stderr } = await run(['replay', folder.file('a.ndjson'), '--retime', ...base(gateway, folder)])
  assert.equal(code, 2)
  assert.match(stderr, /with its own times/)
  assert.equal(gateway.accepted.length, 5)
})

test('rejected events are counted by cause with their lines; --strict makes them a failure', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  const lines = ndjson(20).split('\n')
  lines[4] = 'no json'
  writeFileSync(folder.file('a.ndjson'), lines.join('\n'))
  gateway.told = (url) => {
    if (url !== '/api/v1/batch') return undefined
    const error = { code: 'invalid_event', detail: 'no', errors: [{ field: '/item_id', message: 'must be a positive integer' }] }
    const results = Array.from({ length: 19 }, (_, index) =>
      index === 1 ? { index, status: 'duplicate' } : { index, status: index % 3 === 0 ? 'rejected' : 'accepted', error },
    )
    return { body: results }
  }
  const { code, stdout } = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(code, 0)
  const summary = JSON.parse(stdout) as { rejected: number; rejected_by_cause: unknown }
  assert.equal(summary.rejected, 8)
  assert.deepEqual(summary.rejected_by_cause, {
    'invalid_event /item_id': { count: 7, lines: [1, 4, 8, 11, 14], detail: 'must be a positive integer' },
    malformed_json: { count: 1, lines: [5], detail: 'Unexpected token \'o\', "no json" is not valid JSON' },
  })
  assert.equal((await run(['replay', folder.file('a.ndjson'), '--strict', ...base(gateway, folder)])).code, 1)
  gateway.told = (url) =>
    url === '/api/v1/batch'
      ? { body: Array.from({ length: 19 }, (_, index) => ({ index, status: 'rejected', error: { code: 'x', detail: 'y' } })) }
      : undefined
  assert.equal((await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])).code, 1)
})

test('an answer that will not change stops it at once', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(5))
  gateway.told = (url) => (url === '/api/v1/batch' ? { status: 401, body: { detail: 'this needs a write key' } } : undefined)
  const { code, stderr } = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(code, 1)
  assert.match(stderr, /answered 401: this needs a write key/)
  assert.match(stderr, /keys add/)
  assert.equal(batches(gateway).length, 1)
})

test('--drain closes time and waits until nothing is left', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(5))
  const reader = (lag: number) => ({
    readers: [{ name: 'stream', lag, caught_up: lag === 0 }],
    watermark_ms: START + 5_000 - 10_000 * lag,
    pending_orders: 0,
    outbox: 0,
  })
  let polls = 0
  gateway.told = (url) => {
    if (url === '/api/v1/time/close') return { status: 202, body: { closed_to: START + 15_000, live: false } }
    if (url === '/api/summary') return (polls += 1) === 1 ? { status: 503 } : { body: reader(polls === 2 ? 1 : 0) }
    return undefined
  }
  const { code, stdout } = await run(['replay', folder.file('a.ndjson'), '--drain', ...base(gateway, folder)])
  assert.equal(code, 0)
  assert.equal((JSON.parse(stdout) as { drained: boolean }).drained, true)
  assert.equal(polls, 3)
})

test('a drain that stops moving fails, naming what lags', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(5))
  const readers = [{ name: 'billing', lag: 3, caught_up: false }]
  gateway.told = (url) => (url === '/api/summary' ? { body: { readers, watermark_ms: START, pending_orders: 0, outbox: 0 } } : undefined)
  // A clock that runs a hundred times as fast: 120 s without progress pass in 1.2 s.
  const startedAt = Date.now()
  const { code, stderr } = await run(['replay', folder.file('a.ndjson'), '--drain', ...base(gateway, folder)], {
    clock: () => startedAt + (Date.now() - startedAt) * 100,
  })
  assert.equal(code, 1)
  assert.match(stderr, /nothing has moved for 2 min 0 s; still waiting for .*billing \(3 behind\)/)
})

test('a replay of nothing is done, and leaves no note', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), '\n\n')
  const { code, stdout } = await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(code, 0)
  assert.equal((JSON.parse(stdout) as { sent: number }).sent, 0)
  assert.ok(!readdirSync(folder.path).includes('replay'))
})

test('one batch is in flight at a time', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(3_000))
  await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.equal(batches(gateway).length, 6)
  assert.equal(gateway.openMax, 1)
})

test('--restart begins an interrupted file anew', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(1_000))
  gateway.told = () => (batches(gateway).length === 2 ? { status: 401 } : undefined)
  await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.deepEqual(gateway.accepted, ids(500))
  gateway.told = () => undefined
  await run(['replay', folder.file('a.ndjson'), '--restart', ...base(gateway, folder)])
  assert.deepEqual(gateway.accepted, [...ids(500), ...ids(1_000)])
})

test('a note about a gateway that holds nothing any more is not believed', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  writeFileSync(folder.file('a.ndjson'), ndjson(1_000))
  gateway.told = () => (batches(gateway).length === 2 ? { status: 401 } : undefined)
  await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  gateway.told = () => undefined
  gateway.highestTs = null
  await run(['replay', folder.file('a.ndjson'), ...base(gateway, folder)])
  assert.deepEqual(gateway.accepted, [...ids(500), ...ids(1_000)])
})
