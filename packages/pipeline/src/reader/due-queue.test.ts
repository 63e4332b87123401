import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byTime, dueQueue } from './due-queue.ts'
import { fc } from '../kernel/testing/chance.ts'

interface Item {
  ts: number
  id: string
}

const item: fc.Arbitrary<Item> = fc.record({
  ts: fc.oneof(fc.constantFrom(0, 999, 1_000, 1_001, 1_999, 2_000), fc.nat(10_000)),
  id: fc.constantFrom('a', 'b', 'B', 'é', 'aa', '🍛', ''),
})
type Step = { add: Item[] } | { take: number } | { clear: true }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ add: fc.array(item, { maxLength: 20 }) }) },
  { weight: 5, arbitrary: fc.record({ take: fc.oneof(fc.constantFrom(-Infinity, 0, 1_000, 1_001, 2_000), fc.nat(12_000)) }) },
  { weight: 1, arbitrary: fc.constant({ clear: true as const }) },
)

test('what is taken, in which order, and what stays equals a sorted array', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = dueQueue<Item>()
      let waiting: Item[] = []
      for (const each of steps) {
        if ('add' in each) {
          for (const added of each.add) queue.add(added)
          waiting.push(...each.add)
        } else if ('take' in each) {
          const sorted = waiting.filter(({ ts }) => ts < each.take).sort(byTime)
          waiting = waiting.filter(({ ts }) => ts >= each.take)
          assert.deepEqual(queue.take(each.take), sorted)
        } else {
          queue.clear()
          waiting = []
        }
        assert.equal(queue.size(), waiting.length)
      }
    }),
    { numRuns: 500 },
  )
})

test('what lies at the watermark itself waits: another of that instant may come', () => {
  for (const ts of [0, 999, 1_000, 1_001]) {
    const queue = dueQueue<Item>()
    queue.add({ ts, id: 'first' })
    assert.deepEqual(queue.take(ts), [])
    queue.add({ ts, id: 'earlier by id' })
    assert.deepEqual(
      queue.take(ts + 1).map(({ id }) => id),
      ['earlier by id', 'first'],
    )
    assert.equal(queue.size(), 0)
  }
})

test('at one instant the order is that of the ids, by their code units', () => {
  const ids = ['b', 'a', 'é', 'B', '', 'aa', '🍛', '｡']
  const sorted = ids.map((id) => ({ ts: 5, id })).sort(byTime)
  assert.deepEqual(
    sorted.map(({ id }) => id),
    ['', 'B', 'a', 'aa', 'b', 'é', '🍛', '｡'],
  )
})
