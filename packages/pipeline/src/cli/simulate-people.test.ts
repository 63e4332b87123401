import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Compile, EVENT_KINDS, type Food } from '@flowguard/contract'
import { isbot } from 'isbot'
import { ROOT } from '../kernel/config.ts'
import { simulatePeople, type PeopleOptions, type SimulatedAd, type SimulatedEvent } from './simulate-people.ts'

const HOUR_MS = 3_600_000
const OPTIONS: PeopleOptions = {
  seed: 1,
  rate: 5,
  durationMs: HOUR_MS,
  startMs: Date.parse('2026-03-01T13:00:00Z'),
  users: 200,
  late: 0,
  duplicates: 0,
  bots: 0,
  foods: JSON.parse(readFileSync(join(ROOT, 'data/food_items.json'), 'utf8')) as Food[],
  ads: JSON.parse(readFileSync(join(ROOT, 'data/ads.json'), 'utf8')) as SimulatedAd[],
}
const people = (options: Partial<PeopleOptions> = {}) => [...simulatePeople({ ...OPTIONS, ...options })]
const counted = (events: readonly SimulatedEvent[], kind: SimulatedEvent['kind']) => events.filter((each) => each.kind === kind).length
const id = ({ event }: SimulatedEvent) => event['event_id'] as string

test('the same seed at the same start gives the same events; another seed others', () => {
  assert.deepEqual(people({ seed: 7, late: 0.1, duplicates: 0.1, bots: 0.1 }), people({ seed: 7, late: 0.1, duplicates: 0.1, bots: 0.1 }))
  assert.notDeepEqual(people({ seed: 7 }), people({ seed: 8 }))
})

test('the same seed at another time gives other ids, so that a second run is no repeat of the first', () => {
  const ids = new Set(people({ seed: 7 }).map(id))
  for (const each of people({ seed: 7, startMs: OPTIONS.startMs + 1 })) assert.ok(!ids.has(id(each)))
})

test('the rate is as asked, in short runs and long', () => {
  for (const [rate, seconds] of [
    [5, 10],
    [2, 300],
    [100, 20],
    [1, 3_600],
  ] as const) {
    for (const seed of [1, 2, 3]) {
      const { length } = people({ rate, durationMs: seconds * 1_000, seed })
      assert.ok(Math.abs(length - rate * seconds) <= Math.max(1, rate * seconds * 0.01), `${length} events at ${rate}/s in ${seconds} s`)
    }
  }
})

test('a day has its peaks at lunch and dinner in India, and its mean', () => {
  const events = people({ rate: 0.5, durationMs: 24 * HOUR_MS, startMs: Date.parse('2026-03-01T00:00:00Z') })
  const hours = new Array<number>(24).fill(0)
  for (const { atMs } of events) hours[new Date(atMs).getUTCHours()]! += 1
  assert.ok(Math.abs(events.length - 0.5 * 86_400) < 0.5 * 86_400 * 0.01)
  // 20:00 in India is 14:30 UTC; 03:30 is 22:00.
  assert.ok(hours[14]! > 5 * hours[22]!, `${hours.join(' ')}`)
  assert.ok(hours[7]! > 1.2 * hours[10]!, 'lunch stands out')
})

test('every event fits the contract, and is sent in order of time', () => {
  const events = people({ late: 0.05, duplicates: 0.05, bots: 0.1 })
  const checks = {
    order: Compile(EVENT_KINDS.order.input),
    click: Compile(EVENT_KINDS.click.input),
    impression: Compile(EVENT_KINDS.click.input),
  }
  events.forEach(({ kind, event, atMs }, at) => {
    assert.ok(checks[kind].Check(event), JSON.stringify(event))
    assert.ok(at === 0 || (events[at - 1]?.atMs ?? 0) <= atMs)
    assert.equal(event['event_type'], kind)
  })
  const ids = new Set(events.map(id))
  assert.ok(ids.size < events.length)
})

test('every click follows an impression of that ad in its session, and people hover before they click', () => {
  const shown = new Map<unknown, unknown>()
  const events = people()
  for (const { kind, event } of events) {
    if (kind === 'impression') shown.set(event['session_id'], event['ad_id'])
    if (kind === 'click') assert.equal(shown.get(event['session_id']), event['ad_id'])
  }
  const share = counted(events, 'click') / counted(events, 'impression')
  assert.ok(share > 0.12 && share < 0.35, `${share} of the impressions are clicked`)
})

test('a share of the clicks ends in an order by that person for that dish, seconds to minutes later', () => {
  const events = people()
  let due = 0
  const orders = events.filter(({ kind, event }) => kind === 'order' && event['order_type'] === 'placed')
  for (const { event, atMs } of orders) {
    const click = events.find(
      (each) =>
        each.kind === 'click' &&
        each.event['user_id'] === event['user_id'] &&
        each.event['item_id'] === event['item_id'] &&
        each.atMs <= atMs &&
        atMs - each.atMs <= 30 * 60_000,
    )
    if (click) due += 1
  }
  const share = orders.length / counted(events, 'click')
  assert.ok(share > 0.15 && share < 0.5, `${share} orders a click`)
  assert.ok(due / orders.length > 0.6, `${due} of ${orders.length} orders have a click`)
})

test('most runs of ten seconds at 5/s see a click and an order', () => {
  const runs = Array.from({ length: 20 }, (_, seed) => people({ seed, durationMs: 10_000 }))
  assert.ok(runs.filter((events) => counted(events, 'order') > 0).length >= 14)
  assert.ok(runs.every((events) => counted(events, 'click') > 0))
})

test('an endless run has its first orders within a minute or two', () => {
  const first = simulatePeople({ ...OPTIONS, durationMs: 0, rate: 2 }).find(({ kind }) => kind === 'order')
  assert.ok(first && first.atMs - OPTIONS.startMs < 3 * 60_000)
})

test('people have favourites, and come back', () => {
  const events = people({ durationMs: 6 * HOUR_MS })
  const byUser = Map.groupBy(events, ({ event }) => event['user_id'])
  const [busiest = []] = [...byUser.values()].toSorted((a, b) => b.length - a.length)
  const dishes = [...Map.groupBy(busiest, ({ event }) => event['item_id']).values()].map(({ length }) => length).toSorted((a, b) => b - a)
  assert.ok((dishes[0] ?? 0) > busiest.length * 0.15, `${dishes.join(' ')} of ${busiest.length}`)
  assert.ok(new Set(busiest.map(({ event }) => event['session_id'])).size > 3)
})

test('few orders are cancelled, each by the name that its customer gave it, and after it', () => {
  const events = people({ durationMs: 3 * HOUR_MS })
  const placed = new Map<unknown, SimulatedEvent>()
  let cancelled = 0
  for (const each of events.filter(({ kind }) => kind === 'order')) {
    if (each.event['order_type'] === 'placed') placed.set(each.event['order_id'], each)
    else {
      cancelled += 1
      assert.equal(placed.get(each.event['order_id'])?.event['user_id'], each.event['user_id'])
    }
  }
  assert.ok(cancelled > 0 && cancelled < placed.size * 0.1, `${cancelled} of ${placed.size}`)
})

test('late events, repeats and bots are there in the shares asked for, and only then', () => {
  const isLate = ({ event, atMs }: SimulatedEvent) => atMs - Date.parse(event['timestamp'] as string) > 10_000
  const isBot = ({ event }: SimulatedEvent) => isbot(event['user_agent'] as string)
  const clean = people()
  assert.equal(clean.filter(isLate).length + clean.filter(isBot).length + clean.length - new Set(clean.map(id)).size, 0)

  const late = people({ late: 0.1 })
  assert.ok(Math.abs(late.filter(isLate).length / late.length - 0.1) < 0.02)

  const twice = people({ duplicates: 0.1 })
  const byId = Map.groupBy(twice, id)
  assert.ok(Math.abs((twice.length - byId.size) / byId.size - 0.1) < 0.02)
  for (const repeats of byId.values()) for (const each of repeats) assert.deepEqual(each.event, repeats[0]?.event)

  const bots = people({ bots: 0.3 })
  assert.ok(bots.some(isBot))
  for (const each of bots.filter(isBot)) assert.notEqual(each.kind, 'order')
})
