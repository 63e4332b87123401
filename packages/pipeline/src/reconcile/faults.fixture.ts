import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATTRIBUTED, dayOf, MINUTE_MS, type Ad, type Correction } from '@flowguard/contract'
import { billingTables } from '../billing/tables.ts'
import { termsIn } from '../billing/terms.ts'
import { transaction } from '../kernel/sqlite.ts'
import { audit } from '../ops/audit.ts'
import { T0, temporaryFolder } from '../ops/fixture.ts'
import { isClosed } from './period.ts'
import { charged, corrections, forget, reconcilingOver, type OpenMachine } from './reconciling.fixture.ts'

const DAY = dayOf(T0)
const MINUTE = MINUTE_MS
const CPC = 500_000
const CPA = 2_500_000

const named = (all: readonly Correction[]) => all.map(({ kind, cause, event_id: id, amount }) => `${kind} ${id}: ${cause} ${amount}`).sort()

/** Whatever warehouse the machine has. */
export function findsFaults(open: OpenMachine): void {
  test('each planted fault is found and named, billing comes to what the batch says, and a second run adds nothing', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path, { loses: (id) => id === 'lost' })
    const minute = (n: number) => n * MINUTE
    await machine.heartbeat(0)
    // Each of a user of its own: a click on an ad that is paid by the order, and an order a minute later.
    for (const user of ['right', 'lost', 'doubled', 'cancelled', 'flagged', 'held-up']) {
      await machine.click({ id: `click-${user}`, user, at: minute(1) }, 'cpa-1')
      if (user !== 'held-up') await machine.order({ id: user, user, at: minute(2) })
    }
    for (const id of ['cpc-right', 'cpc-flagged', 'cpc-by-hand']) await machine.click({ id, user: id, at: minute(2) }, 'cpc-1')
    await machine.ship()
    await machine.heartbeat(minute(14))
    await machine.read()
    // 11 minutes late: an order, and a cancellation.
    await machine.order({ id: 'held-up', user: 'held-up', at: minute(3) })
    await machine.order({ id: 'cancellation', user: 'cancelled', at: minute(3) }, 'cancelled', 'order-of-cancelled')
    await machine.ship()
    // A sender whose clock is 10 minutes ahead takes the partitions' time with it; what comes after is late, and was received in time.
    await machine.heartbeat(minute(24))
    machine.setTime(T0 + minute(14))
    await machine.click({ id: 'cpc-overtaken', user: 'cpc-overtaken', at: minute(14) }, 'cpc-1')
    machine.setTime(T0 + minute(24))
    await machine.read()
    // Doubled in the stream, and in the ledger.
    const { db, derived } = machine.pipeline
    for (let partition = 0; partition < 3; partition += 1) {
      const records = await derived.read([{ topic: ATTRIBUTED, partition, next: 0 }], { countMax: 100, waitMs: 0 })
      for (const { key, value } of records.filter((each) => each.value.includes('"event_id":"doubled"')))
        await derived.append(ATTRIBUTED, [{ key: key as string, value, headers: {} }])
    }
    const tables = billingTables(db)
    transaction(db, () => {
      tables.charge({ eventId: 'doubled', adId: 'cpa-1', day: DAY, amount: CPA, kind: 'cpa' })
      tables.write()
    })
    // By hand, past the counters.
    db.exec(`update ledger set amount = 900000 where event_id = 'cpc-by-hand'`)
    await machine.heartbeat(minute(50))
    await machine.read()

    const { reconcile, book, view } = reconcilingOver(machine)
    book.flag('flagged', 'click-flagged', 'a script')
    book.flag('cpc-flagged', 'cpc-flagged', 'a script')
    const planned = await reconcile.plan([DAY])
    assert.deepEqual(await corrections(machine), [])
    await reconcile.run([DAY], 'operator')
    const found = await corrections(machine)
    assert.equal(planned.differences.length, found.length)
    assert.deepEqual(named(found), [
      'attribution doubled: repeated 0',
      'attribution flagged: filtered 0',
      'attribution held-up: late 0',
      'attribution lost: missing 0',
      'cpa doubled: repeated -25',
      'cpa flagged: filtered -25',
      'cpa held-up: late 25',
      'cpa lost: missing 25',
      'cpc cpc-by-hand: unexplained -4',
      'cpc cpc-flagged: filtered -5',
      'cpc cpc-overtaken: late 5',
      'credit cancellation: cancelled -25',
    ])
    const detailOf = (id: string) => found.find((each) => each.event_id === id)?.detail
    assert.match(detailOf('held-up')!, /660 s behind its partition, received 660 s after its own time/)
    assert.match(detailOf('cpc-overtaken')!, /600 s behind its partition, though received within 0 s: another sender's clock is ahead/)
    assert.match(detailOf('cpc-by-hand')!, /charged ₹9 for what costs ₹5/)
    assert.match(detailOf('cancellation')!, /not credited: the cancellation came 660 s behind/)

    await machine.read()
    assert.deepEqual(charged(machine), {
      right: CPA,
      lost: CPA,
      doubled: CPA,
      'held-up': CPA,
      cancelled: CPA,
      cancellation: -CPA,
      'cpc-right': CPC,
      'cpc-by-hand': CPC,
      'cpc-overtaken': CPC,
    })
    const again = await reconcile.run([DAY], 'operator')
    assert.equal((await corrections(machine)).length, found.length)
    const { state, differences, unexplained } = view.run(again)!
    assert.deepEqual({ state, differences, unexplained }, { state: 'done', differences: 0, unexplained: 0 })
    await using stores = machine.stores()
    const books = await audit(stores)
    assert.deepEqual(
      books.checks.filter(({ ok }) => !ok).map(({ name, offenders }) => [name, offenders]),
      [],
    )
  })
}

/** The same of what comes of them. */
export function settlesFaults(open: OpenMachine): void {
  test('a closed billing period changes by credits only, and what is waived is told once', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    for (const id of ['kept', 'flagged']) await machine.click({ id, user: id, at: MINUTE }, 'cpc-1')
    await machine.heartbeat(14 * MINUTE)
    await machine.click({ id: 'late', user: 'late', at: 2 * MINUTE }, 'cpc-1')
    await machine.heartbeat(20 * MINUTE)
    await machine.read()
    // The month is over for three days.
    const { reconcile, book, view } = reconcilingOver(machine, () => Date.parse('2026-04-04T00:00:00Z'))
    book.flag('flagged', 'flagged', 'a script')
    await reconcile.run([DAY], 'operator')
    await machine.read()
    const found = await corrections(machine)
    assert.deepEqual(
      found.map(({ event_id: id, amount, waived }) => [id, amount, waived]).toSorted((a, b) => String(a).localeCompare(String(b))),
      [
        ['flagged', -5, 0],
        ['late', 0, 5],
      ],
    )
    assert.match(found.find(({ event_id: id }) => id === 'late')!.detail, /2026-03 is closed/)
    assert.deepEqual(charged(machine), { kept: CPC })
    await reconcile.run([DAY], 'operator')
    assert.equal((await corrections(machine)).length, 2)
    // What was given back by mistake is not charged again either.
    assert.equal(book.unflag('flagged', 'flagged'), true)
    await reconcile.run([DAY], 'operator')
    assert.deepEqual(
      (await corrections(machine)).slice(2).map(({ event_id: id, amount, waived }) => [id, amount, waived]),
      [['flagged', 0, 5]],
    )
    assert.deepEqual(
      view.hours(DAY, DAY).map(({ corrected, waived, causes }) => ({ corrected, waived, causes })),
      [{ corrected: -5, waived: 10, causes: { filtered: 2, late: 1 } }],
    )
    assert.equal(isClosed('2026-03-01', { closeDays: 3, now: Date.parse('2026-04-03T23:59:59.999Z') }), false)
    await using stores = machine.stores()
    assert.equal((await audit(stores)).balanced, true)
  })

  test('a flag that is taken back in time gives back what it took, to the order as to the charge', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'older', user: 'u', at: MINUTE }, 'cpc-1')
    await machine.click({ id: 'click', user: 'u', at: 2 * MINUTE }, 'cpa-1')
    await machine.order({ id: 'order', user: 'u', at: 3 * MINUTE })
    await machine.ship()
    await machine.heartbeat(40 * MINUTE)
    await machine.read()
    const { reconcile, book } = reconcilingOver(machine)
    const settle = async () => {
      await reconcile.run([DAY], 'operator')
      await machine.read()
      return charged(machine)
    }
    assert.deepEqual(await settle(), { older: CPC, order: CPA })
    book.flag('u', 'click', 'a script')
    assert.deepEqual(await settle(), { older: CPC })
    // The order is due to the click before it now.
    assert.equal((await corrections(machine)).find(({ kind }) => kind === 'attribution')?.batch.click_event_id, 'older')
    book.unflag('u', 'click')
    assert.deepEqual(await settle(), { older: CPC, order: CPA })
    assert.deepEqual(await settle(), { older: CPC, order: CPA })
    await using stores = machine.stores()
    assert.deepEqual(
      (await audit(stores)).checks.filter(({ ok }) => !ok),
      [],
    )
  })

  test('midnight divides nothing: clicks of one day earn orders of the next, and cancellations come days later', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    const midnight = 12 * 60
    await machine.heartbeat((midnight - 30) * MINUTE)
    await machine.click({ id: 'click', user: 'u', at: (midnight - 5) * MINUTE }, 'cpa-1')
    await machine.heartbeat((midnight - 1) * MINUTE)
    // Late, so that the stream finds no click for the order after midnight.
    await machine.click({ id: 'late', user: 'late', at: (midnight - 12) * MINUTE }, 'cpa-1')
    for (const id of ['u', 'late']) await machine.order({ id: `order-${id}`, user: id, at: (midnight + 10) * MINUTE })
    await machine.ship()
    await machine.heartbeat((midnight + 60) * MINUTE)
    const threeDays = midnight + 3 * 24 * 60
    await machine.heartbeat(threeDays * MINUTE)
    await machine.order({ id: 'cancel-late', user: 'late', at: threeDays * MINUTE }, 'cancelled', 'order-of-order-late')
    await machine.order({ id: 'cancel-u', user: 'u', at: threeDays * MINUTE }, 'cancelled', 'order-of-order-u')
    await machine.ship()
    await machine.heartbeat((threeDays + 60) * MINUTE)
    await machine.read()
    const { reconcile } = reconcilingOver(machine, () => T0 + (threeDays + 120) * MINUTE)
    await reconcile.run([DAY], 'etl')
    assert.deepEqual(named(await corrections(machine)), [
      'attribution order-late: late 0',
      'cpa order-late: late 25',
      'credit cancel-late: cancelled -25',
    ])
    await machine.read()
    assert.deepEqual(charged(machine), { 'order-u': CPA, 'cancel-u': -CPA, 'order-late': CPA, 'cancel-late': -CPA })
    await reconcile.run(
      [0, 1, 2, 3, 4].map((n) => dayOf(T0 + n * 24 * 60 * MINUTE)),
      'etl',
    )
    assert.equal((await corrections(machine)).length, 3)
  })

  test('prices and double clicks count as they were when billing read the event', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    await machine.click({ id: 'before', user: 'u', at: MINUTE }, 'cpc-1')
    await machine.heartbeat(10 * MINUTE)
    await machine.read()
    const { db } = machine.pipeline
    const now = T0 + 20 * MINUTE
    const ads = [
      { adId: 'cpc-1', itemId: 1, campaignId: 'c', advertiserId: 'a', pricing: 'cpc', rate: 900, dailyBudget: 0 },
    ] as unknown as Ad[]
    termsIn(db, { doubleClickMs: 2_000, clock: () => now }).note(ads)
    const { reconcile } = reconcilingOver(machine)
    assert.deepEqual((await reconcile.plan([DAY])).differences, [])
  })

  test('what nobody has read yet is not compared, and days that the warehouse never had are refused', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    const { reconcile } = reconcilingOver(machine)
    await assert.rejects(reconcile.run([DAY], 'operator'), { code: 'not_level' })
    await machine.heartbeat(0)
    await machine.click({ id: 'click', user: 'u', at: MINUTE }, 'cpc-1')
    await machine.heartbeat(10 * MINUTE)
    await machine.read()
    using session = await machine.warehouse.session()
    await session.run(`update bronze.places set began = 1, expired = 0 where topic = 'raw.clicks.v1'`)
    await assert.rejects(reconcile.run([DAY], 'operator'), { code: 'not_whole' })
    await session.run(`update bronze.places set began = 0, "next" = 0, applied = 0 where topic = 'raw.clicks.v1'`)
    await assert.rejects(reconcile.plan([DAY]), { code: 'not_level' })
  })

  test('after an ETL run, days that were missed are gone through too, and one that is not whole keeps out no other', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    const day = 24 * 60 * MINUTE
    await machine.heartbeat(0)
    for (const n of [0, 1, 2, 3]) {
      await machine.click({ id: `click-${n}`, user: 'u', at: n * day }, 'cpc-1')
      await machine.heartbeat(n * day + 60 * MINUTE)
      await machine.click({ id: `late-${n}`, user: 'late', at: n * day }, 'cpc-1')
    }
    await machine.heartbeat(3 * day + 120 * MINUTE)
    await machine.read()
    const days = [0, 1, 2, 3].map((n) => dayOf(T0 + n * day)) as [string, string, string, string]
    using session = await machine.warehouse.session()
    const put = (sql: string) => session.run(`update bronze.places set ${sql} where topic = 'raw.clicks.v1'`)
    const { reconcile, book, view } = reconcilingOver(machine, () => T0 + 4 * day)
    const asked = () => view.runs(1).map(({ from, to, state, error }) => ({ from, to, state, error }))[0]
    await put('"next" = "next" - 1, applied = applied - 1')
    await assert.rejects(reconcile.run([days[0]], 'etl'), { code: 'not_level' })
    assert.match(asked()!.error!, /^not_level: raw.clicks.v1/)
    await put('"next" = "next" + 1, applied = applied + 1')
    // A process that died at work; and of the third day none has begun.
    book.begin('etl', days[1], days[1])
    const after = reconcilingOver(machine, () => T0 + 4 * day)
    assert.equal(asked()!.state, 'interrupted')
    // The first day's clicks were lost when the warehouse was made anew.
    await forget(session, 'late-0', true)
    await session.run(`delete from bronze.clicks_raw where event_id = 'click-0'`)
    await assert.rejects(after.reconcile.run([days[3]], 'etl'), { code: 'not_whole' })
    assert.deepEqual({ ...asked(), error: undefined }, { from: days[0], to: days[3], state: 'failed', error: undefined })
    assert.match(asked()!.error!, /^not_whole: /)
    assert.deepEqual(named(await corrections(machine)), ['cpc late-1: late 5', 'cpc late-2: late 5', 'cpc late-3: late 5'])
    // What is not whole is not asked for again.
    await after.reconcile.run([days[3]], 'etl')
    assert.equal(asked()!.from, days[3])
  })

  test('why an order was put right explains what comes of its cancellation later, and nothing else', async () => {
    using folder = temporaryFolder()
    await using machine = await open(folder.path)
    await machine.heartbeat(0)
    for (const user of ['flagged', 'repeated']) {
      await machine.click({ id: `click-${user}`, user, at: MINUTE }, 'cpa-1')
      await machine.order({ id: user, user, at: 2 * MINUTE })
    }
    await machine.ship()
    await machine.heartbeat(20 * MINUTE)
    await machine.click({ id: 'late', user: 'late', at: MINUTE })
    await machine.heartbeat(30 * MINUTE)
    await machine.read()
    const { reconcile, book, view } = reconcilingOver(machine, () => T0 + 4 * 24 * 60 * MINUTE)
    book.flag('flagged', 'click-flagged', 'a script')
    await reconcile.run([DAY], 'operator')
    await machine.read()
    const later = 2 * 24 * 60 * MINUTE
    await machine.heartbeat(later)
    await machine.order({ id: 'cancel', user: 'flagged', at: later }, 'cancelled', 'order-of-flagged')
    await machine.ship()
    await machine.heartbeat(later + 60 * MINUTE)
    await machine.read()
    const causes = async (day: string) => {
      const run = await reconcile.run([day], 'operator')
      await machine.read()
      return view.differences({ runId: run, limit: 10 }).differences.map(({ event_id: id, cause, amount }) => `${id}: ${cause} ${amount}`)
    }
    assert.deepEqual(await causes(dayOf(T0 + later)), ['cancel: filtered 25'])
    assert.deepEqual(charged(machine), { repeated: CPA, late: CPC })
    // A charge by hand of what was settled as late, on the same day.
    const { db } = machine.pipeline
    const tables = billingTables(db)
    transaction(db, () => {
      tables.charge({ eventId: 'late', adId: 'cpc-1', day: DAY, amount: 1_000, kind: 'cpc' })
      tables.write()
    })
    assert.deepEqual(await causes(DAY), ['late: unexplained -0.01'])
  })
}
