import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { LATENESS_MS, LIVE_MS, MINUTE_MS, SESSION_GAP_MS, SESSION_PATH_MAX, WINDOW_MS } from '@flowguard/contract'
import { ROOT } from '../../kernel/config.ts'
import { TEST_TOPICS } from '../../log/testing/records.ts'
import { jobSql, type JobOptions } from './job-sql.ts'

const address = { engine: 'kafka', brokers: ['kafka:9092'], prefix: 'shop.', user: undefined, password: undefined, isTls: false } as const
const options = (change: Partial<JobOptions> = {}): JobOptions => ({
  folder: join(ROOT, 'engines/flink'),
  address,
  brokers: 'kafka:9092',
  topics: TEST_TOPICS,
  doubleClickMs: 2_000,
  parallelism: 2,
  ...change,
})
const textOf = (change: Partial<JobOptions> = {}, from?: string) => {
  const { prepare, submit } = jobSql(options(change), from)
  return [...prepare, submit].join('\n')
}

test('every statement is whole: one job for all three topics, nothing left to fill in', () => {
  const { prepare, submit } = jobSql(options(), undefined)
  assert.doesNotMatch(textOf(), /\$\{/)
  assert.equal(submit.match(/^insert into/gm)?.length, 3)
  for (const statement of prepare) assert.match(statement, /^(set '|create temporary (table|view) )/)
  for (const name of ['raw.orders.v1', 'raw.clicks.v1', 'attributed.events.v1', 'metrics.ads.v1', 'sessions.v1'])
    assert.equal(textOf().split(`'shop.${name}'`).length, 2, name)
})

test('no two sinks, and no two prefixes, share a transactional id', () => {
  const ids = (prefix: string) =>
    [...textOf({ address: { ...address, prefix } }).matchAll(/'sink\.transactional-id-prefix' = '([^']+)'/g)].map(([, id]) => id)
  const all = [...ids('shop.'), ...ids(''), ...ids('other.')]
  assert.equal(all.length, 9)
  assert.equal(new Set(all).size, 9)
})

test('ids are known for as long as the topics keep the first record', () => {
  const keptMs = Math.max(TEST_TOPICS['raw.orders.v1'].retentionMs, TEST_TOPICS['raw.clicks.v1'].retentionMs)
  assert(textOf().includes(`set 'table.exec.state.ttl' = '${keptMs} ms'`))
})

test('no partition is idle by a clock', () => {
  assert(textOf().includes("set 'table.exec.source.idle-timeout' = '0 ms'"))
  assert.doesNotMatch(textOf(), /scan\.watermark\.idle-timeout/)
})

test('a double click is less than so long after another, in half milliseconds', () => {
  const rangeOf = (doubleClickMs: number) => /interval '([^']+)' day\(3\) to second\(3\) preceding/.exec(textOf({ doubleClickMs }))?.[1]
  assert.equal(rangeOf(2_000), '0 00:00:03.998')
  assert.equal(rangeOf(1), '0 00:00:00.000')
  assert.equal(rangeOf(90_000_000), '2 01:59:59.998')
})

test('a savepoint is gone on from where one is given, and quotes in what is given stay within theirs', () => {
  assert(textOf({}, "file:///a'b/chk-7").includes("set 'execution.state-recovery.path' = 'file:///a''b/chk-7'"))
  assert.doesNotMatch(textOf(), /state-recovery/)
  const password = `it's "so" \\`
  const login = textOf({ address: { ...address, user: 'u', password, isTls: true } })
  assert(login.includes(`username="u" password="it''s \\"so\\" \\\\";'`))
  assert(login.includes("'properties.security.protocol' = 'SASL_SSL'"))
})

test('the SQL counts with the numbers of the contract, in half milliseconds', () => {
  const text = textOf()
  assert(text.includes(`behind_ms <= ${LATENESS_MS}`))
  // One unit more than what is just on time.
  assert(text.includes(`watermark for rt as rt - interval '${(2 * LATENESS_MS + 1) / 1_000}' second`))
  assert(text.includes(`range between interval '${(2 * WINDOW_MS) / MINUTE_MS}' minute preceding`))
  assert(text.includes(`descriptor(rt), interval '${(2 * MINUTE_MS) / MINUTE_MS}' minute)`))
  assert(text.includes(`descriptor(rt), interval '${(2 * SESSION_GAP_MS) / MINUTE_MS}:00.001' minute to second)`))
  assert.equal(text.split(`, 1, ${SESSION_PATH_MAX})`).length, 3)
  assert.equal(text.split(`appended + interval '${LIVE_MS / MINUTE_MS}' minute`).length, 3)
})
