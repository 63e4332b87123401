import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, dayOf, MINUTE_MS } from '@flowguard/contract'
import { audit } from '../ops/audit.ts'
import { T0, temporaryFolder, type TestMachine } from '../ops/fixture.ts'
import { charged, corrections, forget, reconcilingOver, type OpenMachine } from './reconciling.fixture.ts'

const DAY = dayOf(T0)
const NEXT_DAY = dayOf(T0 + DAY_MS)
const MINUTE = MINUTE_MS
const CPC = 500_000
const CPA = 2_500_000
/** March and April are closed then. */
const MONTHS_LATER = () => Date.parse('2026-06-10T00:00:00Z')

async function offenders(machine: TestMachine) {
  await using stores = machine.stores()
  return (await audit(stores)).checks.filter(({ ok }) => !ok).map(({ name, offenders: found }) => [name, found])
}

const told = async (machine: TestMachine) =>
  (await corrections(machine)).map(({ kind, event_id: id, amount, waived }) => `${kind} ${id}: ${amount}, waived ${waived}`)

/** Whatever warehouse the machine has. */
export function chargesRightfully(open: OpenMachine): void {
  test('an order of the day after that was credited already is not credited again', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    const morning = 22 * 60 * MINUTE
    await machine.heartbeat(0)
    await machine.heartbeat(morning)
    await machine.click({ id: 'click', user: 'u', at: morning }, 'cpa-1')
    const order = await machine.order({ id: 'order', user: 'u', at: morning + MINUTE })
    await machine.order({ id: 'cancel', user: 'u', at: morning + 20 * MINUTE }, 'cancelled', order)
    await machine.ship()
    await machine.heartbeat(morning + 60 * MINUTE)
    await machine.read()
    const { reconcile } = reconcilingOver(machine, () => T0 + morning + 60 * MINUTE)
    await reconcile.run([DAY], 'etl')
    assert.deepEqual(await told(machine), [])
    assert.deepEqual(charged(machine), { order: CPA, cancel: -CPA })
  })

  test('a cancellation of an order whose clock is ahead waits until the order is settled', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'click', user: 'u', at: MINUTE }, 'cpa-1')
    await machine.heartbeat(20 * MINUTE)
    machine.setTime(T0 + 20 * MINUTE)
    // Placed at 12:24 by its clock, and cancelled at 12:20 by another.
    const order = await machine.order({ id: 'order', user: 'u', at: 24 * MINUTE })
    await machine.order({ id: 'cancel', user: 'u', at: 20 * MINUTE }, 'cancelled', order)
    await machine.ship()
    await machine.heartbeat(22 * MINUTE)
    await machine.read()
    const { reconcile } = reconcilingOver(machine)
    await reconcile.run([DAY], 'operator')
    assert.deepEqual(await told(machine), [])
  })

  test('in a closed month, what was waived is not credited: flagged, taken back and flagged again; late and flagged; late and cancelled', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'flagged', user: 'flagged', at: MINUTE }, 'cpc-1')
    for (const user of ['held-up', 'cancelled']) await machine.click({ id: `click-${user}`, user, at: MINUTE }, 'cpa-1')
    const order = await machine.order({ id: 'cancelled', user: 'cancelled', at: 2 * MINUTE })
    await machine.order({ id: 'cancel-cancelled', user: 'cancelled', at: 3 * MINUTE }, 'cancelled', order)
    await machine.ship()
    await machine.heartbeat(14 * MINUTE)
    await machine.click({ id: 'late', user: 'late', at: 2 * MINUTE }, 'cpc-1')
    await machine.order({ id: 'held-up', user: 'held-up', at: 2 * MINUTE })
    await machine.ship()
    await machine.heartbeat(30 * MINUTE)
    const nextMonth = 40 * 24 * 60 * MINUTE
    await machine.heartbeat(nextMonth)
    await machine.order({ id: 'cancel-held-up', user: 'held-up', at: nextMonth }, 'cancelled', 'order-of-held-up')
    await machine.ship()
    await machine.heartbeat(nextMonth + 60 * MINUTE)
    await machine.read()
    const { reconcile, book } = reconcilingOver(machine, MONTHS_LATER)
    let before = 0
    const settle = async (days = [DAY]) => {
      await reconcile.run(days, 'operator')
      await machine.read()
      const all = await told(machine)
      const found = all.slice(before)
      before = all.length
      assert.deepEqual(await offenders(machine), [])
      return found.filter((each) => !each.startsWith('attribution')).toSorted()
    }
    book.flag('flagged', 'flagged', 'a script')
    assert.deepEqual(await settle(), [
      'cpa held-up: 0, waived 25',
      'cpc flagged: -5, waived 0',
      'cpc late: 0, waived 5',
      // Never charged, so never given back.
      'credit cancel-held-up: 0, waived -25',
    ])
    book.unflag('flagged', 'flagged')
    assert.deepEqual(await settle(), ['cpc flagged: 0, waived 5'])
    book.flag('flagged', 'flagged', 'a script')
    book.flag('late', 'late', 'a script')
    assert.deepEqual(await settle(), ['cpc flagged: 0, waived -5', 'cpc late: 0, waived -5'])
    // It was given back when it was cancelled: to find its click invalid gives nothing back again.
    book.flag('cancelled', 'click-cancelled', 'a script')
    assert.deepEqual(await settle(), ['cpa cancelled: 0, waived -25', 'credit cancel-cancelled: 0, waived 25'])
    book.unflag('cancelled', 'click-cancelled')
    assert.deepEqual(await settle(), ['cpa cancelled: 0, waived 25', 'credit cancel-cancelled: 0, waived -25'])
    assert.deepEqual(charged(machine), { cancelled: CPA, 'cancel-cancelled': -CPA })
  })

  test('what was waived of an order is known on the day of its cancellation, and the other way round', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'click', user: 'u', at: MINUTE }, 'cpa-1')
    const order = await machine.order({ id: 'order', user: 'u', at: 2 * MINUTE })
    await machine.ship()
    const later = 5 * DAY_MS
    await machine.heartbeat(later)
    await machine.order({ id: 'cancel', user: 'u', at: later }, 'cancelled', order)
    await machine.ship()
    await machine.heartbeat(later + 60 * MINUTE)
    await machine.read()
    const { reconcile, book } = reconcilingOver(machine, MONTHS_LATER)
    book.flag('u', 'click', 'a script')
    await reconcile.run([dayOf(T0 + later)], 'operator')
    await machine.read()
    await reconcile.run([DAY], 'operator')
    await machine.read()
    assert.deepEqual((await told(machine)).toSorted(), [
      'attribution order: 0, waived 0',
      'cpa order: 0, waived -25',
      'credit cancel: 0, waived 25',
    ])
    assert.deepEqual(charged(machine), { order: CPA, cancel: -CPA })
  })

  test('a charge stands on any terms that held since its event was appended, and on those from before terms were noted', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    for (const [id, at] of [
      ['click', 60_000],
      ['double', 61_000],
      ['after', 63_500],
    ] as const)
      await machine.click({ id, user: 'u', at })
    await machine.click({ id: 'shown', user: 'u', at: MINUTE }, 'cpm-1', 'impression')
    await machine.click({ id: 'of-order', user: 'o', at: MINUTE }, 'cpa-1')
    await machine.order({ id: 'order', user: 'o', at: 2 * MINUTE })
    await machine.ship()
    await machine.heartbeat(30 * MINUTE)
    await machine.read()
    const { db } = machine.pipeline
    const { reconcile } = reconcilingOver(machine)
    const found = async () => (await reconcile.plan([DAY])).differences.map(({ kind, eventId, amount }) => [kind, eventId, amount])
    const noted = db.prepare('update billing_terms set since = ? where ad_id = ?')
    // Billing noted the ads after their events were appended, and before it read them.
    for (const ad of ['cpc-1', 'cpm-1', 'cpa-1']) noted.run(T0 + 4 * MINUTE, ad)
    assert.deepEqual(await found(), [])
    // What is not of any terms that held since does not stand.
    db.exec(`update billing_terms set amount = amount + 1 where ad_id = 'cpc-1'`)
    assert.deepEqual(await found(), [
      ['cpc', 'click', -CPC],
      ['cpc', 'after', -CPC],
    ])
    // Unless it was before any were noted.
    db.exec(`update billing_terms set since = ${T0 + 20 * MINUTE} where ad_id = '' and since > 0`)
    assert.deepEqual(await found(), [])
    // When the clicks were appended, a double click was longer.
    db.exec(`update billing_terms set amount = 5000 where ad_id = '' and since = 0`)
    assert.deepEqual(await found(), [])
    db.exec(`update billing_terms set amount = 5000 where ad_id = ''`)
    assert.deepEqual(await found(), [])
  })

  test('what a correction alone has charged is given back where its click is found invalid later', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.heartbeat(14 * MINUTE)
    await machine.click({ id: 'late', user: 'u', at: MINUTE })
    await machine.heartbeat(30 * MINUTE)
    await machine.read()
    const { reconcile, book } = reconcilingOver(machine)
    for (const [flagged, amount] of [
      [false, CPC],
      [true, 0],
      [false, CPC],
    ] as const) {
      if (flagged) book.flag('u', 'late', 'a script')
      else book.unflag('u', 'late')
      await reconcile.run([DAY], 'operator')
      await machine.read()
      assert.deepEqual(charged(machine), amount === 0 ? {} : { late: amount })
    }
    assert.deepEqual(await offenders(machine), [])
  })

  test('a double click is none the less one where the click before it was found invalid', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'a', user: 'u', at: MINUTE })
    await machine.click({ id: 'b', user: 'u', at: MINUTE + 1_000 })
    await machine.heartbeat(30 * MINUTE)
    await machine.read()
    const { reconcile, book } = reconcilingOver(machine)
    book.flag('u', 'a', 'a script')
    await reconcile.run([DAY], 'operator')
    assert.deepEqual(await told(machine), ['cpc a: -5, waived 0'])
  })

  test('where the warehouse was made anew, credits of orders that it never had stand', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'click', user: 'u', at: MINUTE }, 'cpa-1')
    const order = await machine.order({ id: 'order', user: 'u', at: 2 * MINUTE })
    await machine.ship()
    const later = 4 * DAY_MS
    await machine.heartbeat(later - 13 * 60 * MINUTE)
    await machine.click({ id: 'first', user: 'u', at: later - 13 * 60 * MINUTE })
    await machine.heartbeat(later)
    await machine.order({ id: 'cancel', user: 'u', at: later }, 'cancelled', order)
    await machine.ship()
    await machine.heartbeat(later + 60 * MINUTE)
    await machine.read()
    using session = await machine.warehouse.session()
    // Orders are kept for longer than clicks.
    await forget(session, 'click')
    const { reconcile } = reconcilingOver(machine, () => T0 + later + 60 * MINUTE)
    await reconcile.run([dayOf(T0 + later)], 'operator')
    assert.deepEqual(await told(machine), [])
    assert.deepEqual(charged(machine), { first: CPC, order: CPA, cancel: -CPA })
  })

  test('a warehouse made anew has everything from when its first record was appended, however late that one was', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    const midnight = 12 * 60 * MINUTE
    await machine.heartbeat(0)
    await machine.heartbeat(midnight)
    await machine.click({ id: 'lost', user: 'u', at: midnight + MINUTE })
    await machine.heartbeat(midnight + 60 * MINUTE)
    await machine.click({ id: 'late', user: 'u', at: midnight - 90 * MINUTE })
    await machine.heartbeat(midnight + 120 * MINUTE)
    await machine.read()
    using session = await machine.warehouse.session()
    await forget(session, 'lost')
    const { reconcile } = reconcilingOver(machine, () => T0 + midnight + 120 * MINUTE)
    await assert.rejects(reconcile.run([NEXT_DAY], 'operator'), { code: 'not_whole' })
    assert.deepEqual(await told(machine), [])
  })
}
