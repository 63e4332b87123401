import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { v7 } from 'uuid'
import type { Stores } from './stores.ts'
import { openMachine, smallDay, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import { traceEvent } from './trace.ts'

const folder = temporaryFolder()
let machine: TestMachine
let stores: Stores
before(async () => {
  machine = openMachine(folder.path)
  await smallDay(machine)
  stores = machine.stores()
})
after(async () => {
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function traceFresh(fresh: TestMachine, id: string) {
  await using seen = fresh.stores()
  return await traceEvent(seen, id)
}

const outcome = async (id: string) => (await traceEvent(stores, id)).outcome.join('\n')
const steps = async (id: string) => (await traceEvent(stores, id)).steps.map(({ part, what }) => `${part}: ${what}`)

test("an order's way is told by its own id and by its event's", async () => {
  const byEvent = await traceEvent(stores, 'order-paid')
  const byOrder = await traceEvent(stores, 'order-of-order-paid')
  assert.deepEqual({ ...byOrder, id: '' }, { ...byEvent, id: '' })
  assert.equal(byEvent.found, true)
  assert.equal(byEvent.order_id, 'order-of-order-paid')
  assert.equal(byEvent.trace_id, 'ab'.repeat(16))
  const parts = byEvent.steps.map(({ part }) => part)
  assert.deepEqual(parts, ['gateway', 'database', 'log', 'stream', 'billing', 'loader'])
  assert.equal(byEvent.steps[0]?.at, new Date(T0 + 5_000).toISOString())
  assert.match(byEvent.steps[2]?.what ?? '', /^in raw\.orders\.v1-\d@\d+$/)
  assert.match(await outcome('order-paid'), /attributed to click click-double on ad cpc-1, 3000 ms before it/)
  assert.match(await outcome('order-paid'), /not charged: ad cpc-1 is paid by the click/)
})

test('each line says whether it came to something or is still to come, in words, with what it names', async () => {
  const { outcome_lines: lines, is_open: isOpen, steps: way } = await traceEvent(stores, 'order-paid')
  const [attributed, charge] = lines
  assert.equal(attributed?.what, 'attributed to click click-double on ad cpc-1, 3 s before it')
  assert.deepEqual([attributed.state, attributed.mentions], ['done', [{ id: 'click-double', of: 'event' }]])
  assert.equal(attributed.record?.topic, 'attributed.events.v1')
  assert.match(attributed.at ?? '', /Z$/)
  assert.equal(charge?.state, 'plain')
  assert.deepEqual(
    way.map(({ part, state, record }) => [part, state, record?.topic]),
    [
      ['gateway', 'done', undefined],
      ['database', 'done', undefined],
      ...['log', 'stream', 'billing', 'loader'].map((part) => [part, 'done', 'raw.orders.v1']),
    ],
  )
  assert.equal(isOpen, false)
  const state = async (id: string) => (await traceEvent(stores, id)).outcome_lines.map(({ state: each }) => each)
  assert.deepEqual(await state('order-pending'), ['coming'])
  assert.deepEqual(await state('click-late'), ['amiss'])
  assert.deepEqual((await traceEvent(stores, 'click-double')).outcome_lines[0]?.mentions, [{ id: 'order-of-order-paid', of: 'order' }])
})

test('a trace is open for as long as a reader or the watermark has yet to come by', async () => {
  using other = temporaryFolder()
  await using fresh = openMachine(other.path)
  await fresh.raw.append(CLICKS, [{ key: 'u1', value: '{"event_type":"click","event_id":"half"}', headers: {} }])
  assert.equal((await traceFresh(fresh, 'half')).is_open, true)
  assert.equal((await traceEvent(stores, 'order-pending')).is_open, true)
  assert.equal((await traceFresh(fresh, 'nothing')).is_open, false)
})

test('why an order has no click is said', async () => {
  assert.match(await outcome('order-alone'), /no click/)
})

test('a pending order says where the watermark is', async () => {
  assert.match(
    await outcome('order-pending'),
    /pending: its time is 2026-03-01T12:01:01\.000Z, and the watermark is at 2026-03-01T12:00:50\.000Z, 11001 ms short/,
  )
})

test('an order in the outbox has not been seen by any reader', async () => {
  assert.ok((await steps('order-outbox')).includes('outbox: waiting to be shipped to the log'))
  assert.match(await outcome('order-outbox'), /not in the log yet/)
})

test('a charged order and its credit are named with their amounts', async () => {
  assert.match(await outcome('order-cancelled'), /charged ₹25 to ad cpa-1 on 2026-03-01 \(cpa\)\ncredited ₹25 by cancel/)
  assert.match(await outcome('cancel'), /status cancelled of order order-of-order-cancelled\ncredited ₹25/)
  assert.ok((await steps('order-cancelled')).some((step) => step.includes('status cancelled, by the events cancel')))
})

test('a click names the orders that it earned and its charge, or why there is none', async () => {
  assert.equal(
    await outcome('click-double'),
    'it earned order order-of-order-paid\nnot charged: a double click, too soon after another of its user on the ad; or the ad was set up later',
  )
  assert.equal(await outcome('click-paid'), 'it has earned no order so far\ncharged ₹5 to ad cpc-1 on 2026-03-01 (cpc)')
  assert.match(await outcome('click-cpa'), /it earned order order-of-order-cancelled\nnot charged: /)
  assert.match(await outcome('click-bot'), /^a bot's/)
  assert.match(await outcome('shown'), /charged ₹0\.09 to ad cpm-1/)
})

test('a repeat is shown with its place, and told from the first', async () => {
  const logged = (await steps('click-repeat')).filter((step) => step.startsWith('log'))
  assert.equal(logged.length, 2)
  assert.match(logged[0] ?? '', /^log: in raw\.clicks/)
  assert.match(logged[1] ?? '', /^log: sent again: in raw\.clicks/)
  assert.ok((await steps('click-repeat')).some((step) => step.startsWith('stream') && step.includes('known it for a repeat')))
})

test('an id that is taken by another content is no repeat', async () => {
  using other = temporaryFolder()
  await using fresh = openMachine(other.path)
  await fresh.click({ id: 'a', at: 0 })
  const first = await traceFresh(fresh, 'a')
  await fresh.raw.append(CLICKS, [
    { key: 'u1', value: JSON.stringify({ ...first.event, page_url: '/menu' }), headers: { content_hash: 'another' } },
  ])
  await fresh.heartbeat(60_000)
  await fresh.read()
  const { steps: way, outcome: lines } = await traceFresh(fresh, 'a')
  assert.ok(way.some(({ part, what }) => part === 'log' && what.startsWith('its id again, with another content: in raw.clicks')))
  assert.ok(way.some(({ part, what }) => part === 'stream' && /found its id taken by another content \(id_conflict\)/.test(what)))
  assert.ok(!way.some(({ what }) => /repeat|sent again/.test(what)))
  assert.match(lines.join('\n'), /dead letter .*id_conflict/)
})

test('an impression that is not charged says why: a hover is none to pay for', async () => {
  using other = temporaryFolder()
  await using fresh = openMachine(other.path)
  await smallDay(fresh)
  await fresh.click({ id: 'hovered', at: 61_000, more: { metadata: { impression: 'hover' } } }, 'cpm-1', 'impression')
  await fresh.click({ id: 'hovered, cpc', at: 61_000, more: { metadata: { impression: 'hover' } } }, 'cpc-1', 'impression')
  await fresh.read()
  assert.match(
    (await traceFresh(fresh, 'hovered')).outcome.join('\n'),
    /not charged: a hover is counted as an impression, and never charged/,
  )
  assert.match((await traceFresh(fresh, 'hovered, cpc')).outcome.join('\n'), /not charged: ad cpc-1 is paid by the click/)
})

test('a late event says by how much', async () => {
  assert.match(await outcome('click-late'), /late by 50000 ms/)
  assert.match(await outcome('order-late'), /late by 49000 ms/)
})

test('a reader that has yet to read it says how far behind it is', async () => {
  using other = temporaryFolder()
  await using fresh = openMachine(other.path)
  await fresh.click({ id: 'a', at: 0 })
  await fresh.click({ id: 'b', at: 0 })
  await using seen = fresh.stores()
  const { steps: way } = await traceEvent(seen, 'b')
  assert.ok(
    way.some(({ part, what }) => part === 'stream' && /has yet to read raw\.clicks\.v1-\d@1; it is 2 short of having done so/.test(what)),
  )
})

test('a time-ordered id is looked for from its time on, and before it only if it is not there', async () => {
  using other = temporaryFolder()
  await using fresh = openMachine(other.path)
  const ids = [v7({ msecs: T0 }), v7({ msecs: T0 + 60_000 }), v7({ msecs: T0 + 3_600_000 })] as const
  for (let at = 0; at < 120; at += 1) await fresh.click({ id: at === 60 ? ids[1] : at === 3 ? ids[2] : `other-${at}`, at: at * 1_000 })
  await using seen = fresh.stores()
  const timely = await traceEvent(seen, ids[1])
  assert.equal(timely.found, true)
  assert.equal(timely.searched.length, 2)
  const early = await traceEvent(seen, ids[2])
  assert.equal(early.found, true)
  assert.match(early.searched.at(-1) ?? '', /before that/)
  assert.equal((await traceEvent(seen, ids[0])).found, false)
})

test('an id in quotes, and one inside another event, are not mistaken', async () => {
  using other = temporaryFolder()
  await using fresh = openMachine(other.path)
  await fresh.click({ id: 'a "quoted" id', at: 0, more: { metadata: { event_id: 'inner' } } })
  await using seen = fresh.stores()
  assert.equal((await traceEvent(seen, 'a "quoted" id')).found, true)
  assert.equal((await traceEvent(seen, 'inner')).found, false)
})

test('what is nowhere is not found, and where it was looked for is said', async () => {
  const { found, outcome: lines, searched } = await traceEvent(stores, 'nothing')
  assert.equal(found, false)
  assert.deepEqual(lines, ['not found'])
  assert.deepEqual(searched, ['orders and outbox of the database', 'raw.orders.v1, raw.clicks.v1, raw.events.v1'])
})
