import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALERTS, type Alert } from '@flowguard/contract'
import type { CheckNow } from '../etl/etl.ts'
import type { RunShown } from '../etl/store.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { transaction } from '../kernel/sqlite.ts'
import type { Group } from '../ops/groups.ts'
import { eventually, memoryStore, START, valuesIn } from '../reader/testing/fixture.ts'
import { noTally } from '../reader/places.ts'
import { alertBook } from './book.ts'
import { pipelineFaults } from './faults.ts'
import { readerFaults } from './reader-faults.ts'
import type { PipelineRules } from './rules.ts'

const RULES: PipelineRules = {
  reader_stopped: { for_seconds: 10, severity: 'critical' },
  reader_behind: { at_least: 100, for_seconds: 60, severity: 'warning' },
  dead_letters: { at_least: 5, within_seconds: 300, severity: 'warning' },
  etl_failed: { severity: 'critical' },
  data_quality: { severity: 'warning' },
  books_unbalanced: { every_minutes: 60, severity: 'critical' },
}

const group = (name: Group['name'], { next = 0, lag = 0, dead = 0 }): Group => ({
  name,
  lag,
  caught_up: lag === 0,
  tally: { ...noTally(), dead },
  partitions: [{ topic: 'raw.orders.v1', partition: 0, next, end: next + lag, lag, time: null, heartbeats: 0, tally: noTally() }],
})

/** Looks at one reader second by second; what is wrong at each. */
function looking(name: Group['name'] = 'stream', rules: PipelineRules = RULES) {
  const faults = readerFaults()
  return (second: number, state: Parameters<typeof group>[1]) =>
    faults.look([group(name, state)], rules, START + second * 1_000).map(({ rule }) => rule)
}

test('a reader that reads nothing while records wait stands still, and no more once it reads one', () => {
  const look = looking()
  look(0, { next: 5, lag: 3 })
  assert.deepEqual(look(2, { next: 5, lag: 4 }), [])
  assert.deepEqual(look(11, { next: 5, lag: 4 }), [])
  assert.deepEqual(look(12, { next: 5, lag: 4 }), ['reader_stopped'])
  assert.deepEqual(look(14, { next: 6, lag: 4 }), [])
  assert.deepEqual(look(24, { next: 6, lag: 0 }), [])
})

test('of a channel it is said where to look', () => {
  const faults = readerFaults()
  const look = (second: number) => faults.look([group('notify-pager', { next: 5, lag: 3 })], RULES, START + second * 1_000)
  for (const second of [0, 2]) look(second)
  const [fault] = look(12)
  assert.equal(fault?.title, 'The channel pager takes no alert')
  assert.match(fault?.detail ?? '', /flowguard alerts channels/)
})

test('a reader without anything to read does not stand still', () => {
  const look = looking()
  for (let second = 0; second < 100; second += 2) assert.deepEqual(look(second, { next: 5, lag: 0 }), [])
})

test('readers that go by batches are given more time', () => {
  const look = looking('lake')
  look(0, { next: 5, lag: 3 })
  look(2, { next: 5, lag: 3 })
  assert.deepEqual(look(62, { next: 5, lag: 3 }), [])
  assert.deepEqual(look(102, { next: 5, lag: 3 }), ['reader_stopped'])
})

test('a batch may wait as long, and grow as large, as its reader is set to let it', () => {
  const faults = readerFaults({ loader: { ms: 300_000, records: 1_000 } })
  const look = (second: number, state: Parameters<typeof group>[1], name: Group['name'] = 'loader') =>
    faults.look([group(name, state)], RULES, START + second * 1_000).map(({ rule }) => rule)
  for (let second = 0; second <= 396; second += 2) assert.deepEqual(look(second, { next: 5, lag: 700 }), [])
  assert.deepEqual(look(402, { next: 5, lag: 700 }), ['reader_stopped'])
  for (let second = 404; second <= 462; second += 2) look(second, { next: second, lag: 1_100 + second })
  assert.deepEqual(look(466, { next: 466, lag: 1_600 }), ['reader_behind'])
})

test('a reader is behind once many wait for long and do not become fewer; one that catches up is not', () => {
  const rising = looking()
  for (let second = 0; second <= 58; second += 2) assert.deepEqual(rising(second, { next: second + 1, lag: 200 + second }), [])
  assert.deepEqual(rising(60, { next: 100, lag: 300 }), ['reader_behind'])
  assert.deepEqual(rising(62, { next: 110, lag: 120 }), ['reader_behind'])
  assert.deepEqual(rising(64, { next: 120, lag: 99 }), [])
  const falling = looking()
  for (let second = 0; second <= 200; second += 2) assert.deepEqual(falling(second, { next: second + 1, lag: 1_000 - second }), [])
})

test('dead letters are told by how many came within the time, not by how many there are', () => {
  const look = looking()
  assert.deepEqual(look(0, { dead: 1_000 }), [])
  assert.deepEqual(look(100, { dead: 1_004 }), [])
  assert.deepEqual(look(200, { dead: 1_005 }), ['dead_letters'])
  assert.deepEqual(look(300, { dead: 1_005 }), ['dead_letters'])
  assert.deepEqual(look(402, { dead: 1_005 }), [])
})

test('a rule that is left out is off', () => {
  const look = looking('stream', {})
  look(0, { next: 1, lag: 1_000, dead: 0 })
  assert.deepEqual(look(1_000, { next: 1, lag: 1_000, dead: 1_000 }), [])
})

test('what is wrong is told once, and once more when it is over; what cannot be asked is neither', async () => {
  using store = memoryStore()
  const { db, derived } = store
  let now = START
  let run: Pick<RunShown, 'run_id' | 'state' | 'error' | 'days_kept_out'> = {
    run_id: 1,
    state: 'failed',
    error: 'kept out',
    days_kept_out: 2,
  }
  let checkState: CheckNow['state'] = 'failed'
  const check = (severity: CheckNow['severity'], name: string): CheckNow => ({
    model: 'gold.daily',
    name,
    severity,
    state: checkState,
    latest: null,
    history: [],
  })
  let fileFault: string | undefined = 'line 3: nonsense'
  let isAway = false
  let asked = 0
  const part = pipelineFaults({
    book: alertBook({ db, derived, clock: () => now, cooldownMs: () => 60_000 }),
    inTransaction: (work) => transaction(db, work),
    rules: () => RULES,
    rulesFault: () => fileFault,
    readers: async () => {
      // Each look is ten seconds after the one before.
      now += 10_000
      asked += 1
      if (isAway) throw new FlowGuardError('database_unavailable', 'away')
      return [group('stream', { next: 7, lag: 2 })]
    },
    settledRun: async () => run,
    checks: async () => [check('stop', 'unique: date'), check('warn', 'range: n 0..')],
    unexplained: () => undefined,
    audit: async () => ({
      balanced: false,
      checks: [{ name: 'orders', ok: false, detail: '', expected: 1, actual: 2, offenders: [], offenders_total: 1 }],
    }),
    clock: () => now,
    logger: silentLogger,
  })
  const stop = new AbortController()
  const running = part(stop.signal)
  const told = async () => (await valuesIn<Alert>(derived, ALERTS)).map(({ rule, state }) => `${rule} ${state}`)
  await eventually(async () => (await told()).includes('reader_stopped open'), 'it is told')
  assert.deepEqual((await told()).toSorted(), ['alerts_file open', 'data_quality open', 'etl_failed open', 'reader_stopped open'])
  const alerts = await valuesIn<Alert>(derived, ALERTS)
  assert.match(alerts.find(({ rule }) => rule === 'etl_failed')?.title ?? '', /kept 2 days out of silver and gold/)
  const quality = alerts.find(({ rule }) => rule === 'data_quality')
  assert.deepEqual(
    [quality?.subject, quality?.title],
    ['gold.daily', 'gold.daily does not pass a check'],
    'what stops is told with its run',
  )
  now += 10 * 60_000
  await eventually(async () => (await told()).includes('books_unbalanced open'), 'the books were gone through')
  isAway = true
  run = { run_id: 2, state: 'done', error: null, days_kept_out: 0 }
  checkState = 'no_history'
  fileFault = undefined
  const before = asked
  await eventually(() => asked > before + 1, 'it looks on')
  assert.equal((await told()).filter((each) => each.endsWith('resolved') && !each.startsWith('reader_stopped')).length, 0)
  isAway = false
  now += 60_000
  await eventually(async () => (await told()).includes('etl_failed resolved'), 'it is over')
  assert.ok((await told()).includes('alerts_file resolved'))
  assert.ok((await told()).includes('data_quality resolved'))
  stop.abort()
  await running
})

test('an audit that takes its time is given up when the part stops', async () => {
  using store = memoryStore()
  const { db, derived } = store
  let now = START
  let given: AbortSignal | undefined
  const part = pipelineFaults({
    book: alertBook({ db, derived, clock: () => now, cooldownMs: () => 0 }),
    inTransaction: (work) => transaction(db, work),
    rules: () => RULES,
    rulesFault: () => undefined,
    readers: async () => ((now += 10 * 60_000), []),
    settledRun: async () => undefined,
    checks: async () => [],
    unexplained: () => undefined,
    audit: (signal) => {
      given = signal
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    clock: () => now,
    logger: silentLogger,
  })
  const stop = new AbortController()
  const running = part(stop.signal)
  await eventually(() => given !== undefined, 'an audit is asked for')
  assert.equal(given?.aborted, false)
  stop.abort()
  await running
  assert.equal(given?.aborted, true)
})
