import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf, DAY_MS, MINUTE_MS } from '@flowguard/contract'
import { openMachine, T0 } from '../ops/fixture.ts'
import type { Outcome } from '../reconcile/outcome.ts'
import { run, temporaryFolder } from './testing/run.ts'

const DAY = dayOf(T0)
const NEXT_DAY = dayOf(T0 + DAY_MS)

test('a click is flagged where that user has made it; a typo is refused, and so is to unflag what is not flagged', async () => {
  using folder = temporaryFolder()
  {
    await using machine = openMachine(folder.path)
    await machine.heartbeat(0)
    for (const id of ['click', 'other']) await machine.click({ id, user: id, at: MINUTE_MS }, 'cpc-1')
    await machine.heartbeat(10 * MINUTE_MS)
    await machine.read()
  }
  const reconcile = (...args: string[]) => run(['reconcile', ...args, '--data-dir', folder.path], { env: { NO_COLOR: '1' } })
  for (const [user, event] of [
    ['nobody', 'nosuchclick'],
    ['click', 'other'],
  ] as const) {
    const { code, stderr } = await reconcile('flag', user, event, '--reason', 'click farm')
    assert.equal(code, 1)
    assert.match(stderr, /there is no such click by that user in the warehouse: .*\n.*flowguard trace/)
    const not = await reconcile('unflag', user, event)
    assert.deepEqual([not.code, not.stderr], [1, 'There is no such flag.\n'])
  }
  assert.match((await reconcile('flags')).stderr, /No click is flagged/)
  const flagged = await reconcile('flag', 'click', 'click', '--reason', 'click farm')
  assert.equal(flagged.code, 0, flagged.stderr)
  assert.match((await reconcile('flags')).stdout, /click +click .* click farm/)
  assert.equal((await reconcile('unflag', 'click', 'click')).code, 0)
})

test('what nothing explains fails every run over its day, by name, and no run over another', async () => {
  using folder = temporaryFolder()
  {
    await using machine = openMachine(folder.path)
    await machine.heartbeat(0)
    for (const id of ['right', 'by-hand']) await machine.click({ id, user: id, at: MINUTE_MS }, 'cpc-1')
    await machine.heartbeat(2 * DAY_MS)
    await machine.read()
    machine.pipeline.db.exec(`update ledger set amount = 900000 where event_id = 'by-hand'`)
  }
  const reconcile = (...args: string[]) => run(['reconcile', ...args, '--data-dir', folder.path], { env: { NO_COLOR: '1' } })
  const outcome = async (...args: string[]) => {
    const { code, stdout, stderr } = await reconcile(...args, '--json')
    const { run_id: id, differences_total: total, unexplained, unexplained_differences: named } = JSON.parse(stdout || stderr) as Outcome
    return { code, id, total, unexplained, named: named.map(({ event_id: event, run_id: by }) => [event, by]) }
  }
  const planned = await outcome('--date', DAY, '--plan')
  assert.deepEqual(planned, { code: 1, id: null, total: 1, unexplained: 1, named: [['by-hand', null]] })
  const first = await outcome('--date', DAY)
  assert.deepEqual(first, { code: 1, id: 1, total: 1, unexplained: 1, named: [['by-hand', 1]] })
  // As a scheduler does with what has failed.
  const again = await outcome('--date', DAY)
  assert.deepEqual(again, { code: 1, id: 2, total: 0, unexplained: 1, named: [['by-hand', 1]] })
  const said = await reconcile('--from', DAY, '--to', NEXT_DAY)
  assert.equal(said.code, 1)
  assert.match(
    said.stdout,
    /agree\.\n\nOn record since an earlier run, which put it right:\n.*\n.* cpc +unexplained +by-hand .*₹9 for what costs ₹5\n1 unexplained\.\n/,
  )
  assert.equal((await outcome('--date', DAY, '--plan')).code, 1)
  for (const plan of [[], ['--plan']]) {
    const empty = await reconcile('--date', NEXT_DAY, ...plan)
    assert.equal(empty.code, 0)
    assert.equal(empty.stdout, `Nothing to compare: no order or charge in ${NEXT_DAY}.\n`)
  }
  assert.deepEqual(await outcome('--date', NEXT_DAY), { code: 0, id: 5, total: 0, unexplained: 0, named: [] })
})
