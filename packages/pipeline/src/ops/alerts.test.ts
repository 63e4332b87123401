import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ALERTS, Alert, Compile, isoOf } from '@flowguard/contract'
import { transaction } from '../kernel/sqlite.ts'
import { alertBook, type AlertBook, type Raised } from '../alerts/book.ts'
import { alert as alert_, alerts, newestAlert, type AlertFilter } from './alerts.ts'
import { openMachine, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import type { Stores } from './stores.ts'

const folder = temporaryFolder()
let machine: TestMachine
let stores: Stores

before(() => {
  machine = openMachine(folder.path)
  stores = machine.stores()
})
after(async () => {
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const raise = (...values: string[]) =>
  transaction(machine.pipeline.db, () =>
    machine.pipeline.derived.appendNow(
      ALERTS,
      values.map((value) => ({ key: 'k', value, headers: {} })),
    ),
  )
const alert = (n: number, more: Partial<Alert> = {}) =>
  JSON.stringify({
    alert_id: `a${n}`,
    kind: n % 3 === 0 ? 'budget_passed' : 'anomaly',
    severity: n % 2 === 0 ? 'warning' : 'critical',
    title: `alert ${n}`,
    detail: '',
    raised_at: isoOf(T0 + n),
    ...more,
  })
const all = (filter: AlertFilter = {}, after?: number, limit = 100) => alerts(stores, filter, { after, limit })
const ids = async (...args: Parameters<typeof all>) => (await all(...args)).alerts.map(({ alert: { alert_id: id } }) => id)

test('where nothing has been raised there is nothing', async () => {
  assert.deepEqual(await all(), { total: 0, open: 0, groups: [], alerts: [], next_after: null })
  const { total, newest, log } = newestAlert(stores)
  assert.deepEqual([total, newest, typeof log], [0, null, 'string'])
  assert.deepEqual(newestAlert({ pipeline: undefined }), { total: 0, newest: null, log: null, open: 0, changed: null })
})

test('the newest come first, whatever the rows that they were appended in, and each once page after page', async () => {
  raise(alert(0), alert(1), alert(2))
  raise(alert(3))
  raise(alert(4), alert(5), alert(6))
  const newest = ['a6', 'a5', 'a4', 'a3', 'a2', 'a1', 'a0']
  assert.deepEqual(await ids(), newest)
  assert.deepEqual([newestAlert(stores).total, newestAlert(stores).newest], [7, 6])
  for (const limit of [1, 2, 3, 7]) {
    const paged: string[] = []
    for (let after: number | undefined; ;) {
      const page = await all({}, after, limit)
      assert.equal(page.total, 7)
      paged.push(...page.alerts.map(({ alert: { alert_id: id } }) => id))
      if (page.next_after === null) break
      after = page.next_after
    }
    assert.deepEqual(paged, newest, String(limit))
  }
})

test('what comes meanwhile does not move the pages behind', async () => {
  const { next_after: after } = await all({}, undefined, 2)
  raise(alert(7))
  assert.deepEqual(await ids({}, after ?? undefined, 2), ['a4', 'a3'])
  assert.equal((await ids())[0], 'a7')
})

test('kind and severity choose, and the groups are of all', async () => {
  assert.deepEqual(await ids({ kind: 'budget_passed' }), ['a6', 'a3', 'a0'])
  assert.deepEqual(await ids({ kind: 'budget_passed', severity: 'critical' }), ['a3'])
  const chosen = await all({ kind: 'budget_passed' }, undefined, 1)
  assert.deepEqual([chosen.total, chosen.next_after === null], [3, false])
  assert.equal((await all({ kind: 'none' })).total, 0)
  assert.deepEqual(
    chosen.groups.map(({ kind, severity, count }) => `${count} ${severity} ${kind}`),
    ['3 critical anomaly', '2 warning anomaly', '2 warning budget_passed', '1 critical budget_passed'],
  )
})

test('an alert of an older form, and what is none, is shown with what it says', async () => {
  raise(
    '{"alert_id":"budget/old/2026-01-31","kind":"budget_passed","spent":4}',
    'not JSON',
    '[1]',
    '{"severity":"critical","raised_at":"noon"}',
  )
  const [curt, list, text, old] = (await all({}, undefined, 4)).alerts.map((each) => each.alert)
  for (const each of [curt, list, text, old]) assert.ok(Compile(Alert).Check(each))
  assert.deepEqual([old?.alert_id, old?.kind, old?.severity, old?.['spent']], ['budget/old/2026-01-31', 'budget_passed', 'info', 4])
  assert.deepEqual([curt?.severity, curt?.raised_at], ['critical', isoOf(T0)])
  assert.deepEqual([text?.alert_id, text?.kind, text?.title], ['alerts.v1-0-9', 'unknown', 'unknown'])
})

const book = () => alertBook({ ...machine.pipeline, clock: () => T0, cooldownMs: () => 0 })
const act = (work: (of: AlertBook) => void) => transaction(machine.pipeline.db, () => work(book()))
const raised: Raised = {
  rule: 'ctr',
  kind: 'anomaly',
  subject: 'all',
  severity: 'warning',
  title: 'Fewer clicks than usual',
  detail: 'Look.',
  reason: '1 %; 2 % to 3 % are usual',
  value: 1,
  expected: { low: 2, high: 3 },
  at: T0,
}

test('an alert of the book is shown once, as it is now', async () => {
  const before = (await all()).total
  const id = `ctr/all/${T0}`
  act((each) => each.raise(raised))
  act((each) => each.raise({ ...raised, value: 0.5, at: T0 + 60_000 }))
  const state = newestAlert(stores)
  assert.deepEqual([state.open, state.changed], [1, T0])
  act((each) => each.acknowledge(id, 'on it'))
  const { total, open, alerts: shown } = await all({ state: 'open' })
  assert.deepEqual([total, open, (await all()).total], [1, 1, before + 1])
  const [first] = shown
  assert.deepEqual([first?.alert.value, first?.alert.count, first?.alert.expected, first?.note], [0.5, 2, { low: 2, high: 3 }, 'on it'])
  assert.ok(first?.acknowledged_at)
  act((each) => each.calm('ctr', 'all', T0 + 120_000))
  assert.deepEqual(
    [(await all({ state: 'open' })).total, (await all({ state: 'resolved' })).total, (await all()).total],
    [0, 1, before + 1],
  )
  const one = await alert_(stores, id)
  assert.deepEqual([one?.alert.state, one?.alert.duration_ms], ['resolved', 120_000])
  assert.equal(await alert_(stores, 'none'), undefined)
})

test('one that is open, and of which the topic keeps no record, is shown before the others', async () => {
  act((each) => each.raise({ ...raised, subject: 'old' }))
  machine.pipeline.db.exec("delete from log_batches where topic = 'alerts.v1'")
  raise(alert(9))
  const { alerts: shown } = await all()
  assert.deepEqual(
    shown.map(({ place, alert: { alert_id: id } }) => [place === null, id]),
    [
      [true, `ctr/old/${T0}`],
      [false, 'a9'],
    ],
  )
})
