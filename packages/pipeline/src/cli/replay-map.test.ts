import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import { ORDERS } from '@flowguard/contract'
import { openTestGateway } from '../gateway/gateway-fixture.ts'
import { ROOT } from '../kernel/config.ts'
import { fakeGateway } from './testing/gateway.ts'
import { run, start, temporaryFolder } from './testing/run.ts'

const CUT = join(ROOT, 'data/online-retail-cut.csv.gz')
const MAP = join(ROOT, 'data/online-retail.sql')
const NOWHERE = 'http://127.0.0.1:9'
const START = Date.parse('2026-01-01T00:00:00Z')
const SQL = `select 'click' as event_type, 'ad_' || i as ad_id, 7 as user_id, timestamp '2026-01-01' + to_seconds(i) as "timestamp",
  case when i % 500 = 0 then 'every 500th' end as reject_reason from input -- in the order of the file`

interface Answer {
  rows: number
  accepted: number
  rejected: Record<string, number>
  first_rejected_row: Record<string, number>
}

interface Summary {
  sent: number
  events: number
  accepted: number
  rejected: number
  rejected_by_cause: Record<string, { count: number; lines: number[]; detail: string }>
  first: Record<string, unknown>[]
}

const answer = () => JSON.parse(readFileSync(join(ROOT, 'data/online-retail-cut-expected.json'), 'utf8')) as Answer
const summaryOf = (stdout: string) => JSON.parse(stdout) as Summary
const counts = ({ rejected_by_cause: causes }: Summary) =>
  Object.fromEntries(Object.entries(causes).map(([cause, { count }]) => [cause, count]))

/** A file of numbers from 1, and a mapping for it. */
function numbers(folder: { file: (name: string) => string }, count: number, sql = SQL): string[] {
  writeFileSync(folder.file('a.csv'), `i\n${Array.from({ length: count }, (_, at) => at + 1).join('\n')}\n`)
  writeFileSync(folder.file('a.sql'), sql)
  return ['replay', folder.file('a.csv'), '--map', folder.file('a.sql')]
}

test('a real file by its mapping: what is accepted and what is refused, by cause, as was counted without us', async () => {
  using folder = temporaryFolder()
  await using gateway = await openTestGateway()
  await gateway.app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`
  const args = ['replay', CUT, '--map', MAP, '--data-dir', folder.path, '--gateway-url', url, '--json']
  const { code, stdout, stderr } = await run(args)
  assert.equal(code, 0, stderr)
  const { rows, accepted, rejected, first_rejected_row: firsts } = answer()
  const summary = summaryOf(stdout)
  assert.deepEqual([summary.accepted, summary.sent, summary.sent + summary.rejected], [accepted, accepted, rows])
  assert.deepEqual(counts(summary), rejected)
  for (const [cause, { lines }] of Object.entries(summary.rejected_by_cause)) assert.equal(lines[0], firsts[cause])

  // The same ids: nothing of it counts twice.
  const again = summaryOf((await run(args)).stdout) as Summary & { duplicate: number }
  assert.deepEqual([again.accepted, again.duplicate], [0, accepted])
})

test('a dry run counts the same, shows the first five events as they would be sent, and asks no gateway', async () => {
  using folder = temporaryFolder()
  const args = ['replay', CUT, '--map', MAP, '--dry-run', '--data-dir', folder.path, '--gateway-url', NOWHERE]
  const { code, stdout, stderr } = await run([...args, '--json'])
  assert.equal(code, 0, stderr)
  const { rows, accepted, rejected } = answer()
  const summary = summaryOf(stdout)
  assert.deepEqual([summary.events, summary.accepted], [rows, accepted])
  assert.deepEqual(counts(summary), rejected)
  assert.equal(summary.first.length, 5)
  const { event_id: id, ...first } = summary.first[0] ?? {}
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-5/)
  assert.deepEqual(first, {
    timestamp: '2010-12-01T08:26:00.000Z',
    event_type: 'order',
    user_id: '17850',
    item_id: 4865304892,
    item_name: 'WHITE HANGING HEART T-LIGHT HOLDER',
    quantity: 6,
    price: 2.55,
  })
  assert.ok(!existsSync(folder.file('replay')))
  const words = (await run(args)).stdout
  assert.match(words, /14,022 events, nothing sent: 13,814 would be accepted, 208 rejected/)
  assert.match(words, /cancellation {2}149 × .*\(row 142, /)
})

test('a dry run counts what the gateway would refuse as the gateway does, of a mapping and of plain files', async () => {
  using folder = temporaryFolder()
  await using gateway = await openTestGateway()
  await gateway.app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(gateway.app.server.address() as AddressInfo).port}`
  const events: object[] = [
    { event_type: 'order', item_id: 1, user_id: 1, price: 1.234 },
    { event_type: 'order', item_id: 1, user_id: 1, price: 1.5 },
    { event_type: 'order', item_id: 1, user_id: 1 },
    { event_type: 'order', item_id: 999_999, user_id: 1 },
    { event_type: 'order', user_id: 1, price: 3 },
    { event_type: 'order', item_id: 2, user_id: 1, price: 3, timestamp: 'yesterday' },
    { event_type: 'click', user_id: 1, ad_id: 'a' },
    { event_type: 'sneeze' },
    { event_type: 'page_view', event_id: 'no uuid' },
  ]
  writeFileSync(folder.file('a.ndjson'), `${events.map((each) => JSON.stringify(each)).join('\n')}\nno json\n`)
  writeFileSync(folder.file('b.json'), JSON.stringify(events))
  writeFileSync(folder.file('b.sql'), "select *, case when event_type = 'sneeze' then 'bless you' end as reject_reason from input")
  for (const [args, refused, causes] of [
    [
      [folder.file('a.ndjson')],
      7,
      [
        'invalid_event /event_id',
        'invalid_event /item_id',
        'invalid_event /price',
        'invalid_event /timestamp',
        'malformed_json',
        'unknown_event_type /event_type',
      ],
    ],
    [
      [folder.file('b.json'), '--map', folder.file('b.sql')],
      6,
      ['bless you', 'invalid_event /event_id', 'invalid_event /item_id', 'invalid_event /price', 'invalid_event /timestamp'],
    ],
  ] as const) {
    const all = ['replay', ...args, '--data-dir', folder.path, '--gateway-url', url, '--json']
    const dry = await run([...all, '--dry-run'])
    const real = summaryOf((await run([...all, '--late'])).stdout)
    const told = summaryOf(dry.stdout)
    assert.deepEqual([told.accepted, told.rejected, told.rejected_by_cause], [real.accepted, real.rejected, real.rejected_by_cause])
    assert.equal(told.rejected, refused)
    assert.deepEqual(Object.keys(told.rejected_by_cause).toSorted(), causes)
    assert.deepEqual([dry.code, (await run([...all, '--dry-run', '--strict'])).code], [0, 1])
  }
  assert.equal((await gateway.records(ORDERS)).length, 0)
})

test('an interrupted mapped replay goes on at its row, and every event has the id that it always has', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  await using other = await fakeGateway()
  const args = [...numbers(folder, 2_100), '--data-dir', folder.path, '--json']
  await run([...args, '--gateway-url', other.url])
  const whole = other.accepted
  assert.equal(new Set(whole).size, 2_096)

  other.highestTs = null
  const running = start([...args, '--gateway-url', gateway.url])
  gateway.told = () => {
    if (gateway.requests.filter(({ url }) => url === '/api/v1/batch').length >= 2) running.interrupt()
    return undefined
  }
  assert.equal((await running.done).code, 130)
  assert.deepEqual(gateway.accepted, whole.slice(0, 1_000))
  gateway.told = () => undefined
  const rest = await run([...args, '--gateway-url', gateway.url])
  assert.match(rest.stderr, /going on after row 1,00\d/)
  assert.deepEqual(gateway.accepted, whole)
  assert.deepEqual(counts(summaryOf(rest.stdout)), { 'every 500th': 2 })
})

test('a changed mapping makes other events, and begins at the beginning', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  const base = ['--data-dir', folder.path, '--gateway-url', gateway.url, '--json']
  await run([...numbers(folder, 10), ...base])
  await run([...numbers(folder, 10, SQL.replace('7 as user_id', '8 as user_id')), ...base])
  assert.equal(new Set(gateway.accepted).size, 20)
})

test('--retime moves mapped times too', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  const now = START + 365 * 86_400_000
  const args = [...numbers(folder, 5), '--retime', '--data-dir', folder.path, '--gateway-url', gateway.url]
  assert.equal((await run(args, { clock: () => now })).code, 0)
  assert.deepEqual(
    gateway.events.map((event) => Date.parse(event['timestamp'] as string) - now),
    [-4_000, -3_000, -2_000, -1_000, 0],
  )
})

test('a mapping that does not work says why, and nothing is sent', async () => {
  using folder = temporaryFolder()
  await using gateway = await fakeGateway()
  const base = ['--data-dir', folder.path, '--gateway-url', gateway.url]
  for (const [args, words] of [
    [numbers(folder, 1, 'select nothing from input'), /a\.sql: .*"nothing" not found/s],
    [['replay', folder.file('none.csv'), '--map', folder.file('a.sql')], /none\.csv: there is no such file/],
    [['replay', folder.file('a.csv'), '--map', folder.file('none.sql')], /none\.sql: there is no such file/],
  ] as const) {
    const { code, stderr } = await run([...args, ...base])
    assert.equal(code, 1)
    assert.match(stderr, words)
  }
  assert.deepEqual(gateway.requests, [])
})

test('reasons that differ in every row are not all kept', async () => {
  using folder = temporaryFolder()
  const args = numbers(folder, 1_000, `select 1 as price, 'row ' || i as reject_reason from input`)
  const { code, stdout } = await run([...args, '--dry-run', '--json'], { cwd: folder.path })
  assert.equal(code, 1)
  const causes = summaryOf(stdout).rejected_by_cause
  assert.equal(Object.keys(causes).length, 101)
  assert.equal(causes['other causes']?.count, 900)
})
