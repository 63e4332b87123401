import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { ALERTS } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { sqliteLogOn } from './adapters/sqlite.ts'
import { mirror, type MirrorPlace, type MirrorSink } from './mirror.ts'
import { TEST_TOPICS } from './testing/records.ts'

/** A sink as Kafka is one while its brokers are unwell: what it is asked hangs until the test lets it go. */
function slowSink() {
  let places: readonly MirrorPlace[] = []
  let letGo = () => {}
  let held: Promise<void> | undefined
  const asked = Promise.withResolvers<void>()
  const shipped: string[] = []
  const sink: MirrorSink = {
    begin: async () => places,
    async ship(records, to) {
      if (records.length > 0) asked.resolve()
      if (records.length > 0) await held
      shipped.push(...records.map(({ value }) => value))
      places = [...places.filter((each) => !to.some(({ topic, partition }) => topic === each.topic && partition === each.partition)), ...to]
      return []
    },
    async [Symbol.asyncDispose]() {},
  }
  return {
    sink,
    shipped,
    asked: asked.promise,
    hold: () => void (held = new Promise((resolve) => (letGo = resolve))),
    letGo: () => letGo(),
  }
}

test('a call that does not come back keeps nobody from ending; the next one begins behind it, and ships nothing twice', async () => {
  const log = sqliteLogOn(new DatabaseSync(':memory:'), { path: ':memory:', topics: TEST_TOPICS, clock: () => 0 })
  const slow = slowSink()
  const shipping = mirror({ log, topics: [ALERTS], sink: slow.sink, clock: () => 0, logger: silentLogger })
  slow.hold()
  log.appendNow(ALERTS, [{ key: 'a', value: 'one', headers: {} }])
  const first = new AbortController()
  const running = shipping.run(first.signal)
  await slow.asked
  first.abort()
  await running
  assert.deepEqual(slow.shipped, [])

  const second = new AbortController()
  const again = shipping.run(second.signal)
  log.appendNow(ALERTS, [{ key: 'a', value: 'two', headers: {} }])
  slow.letGo()
  for (let turns = 0; slow.shipped.length < 2 && turns < 1_000; turns += 1) await new Promise((resolve) => setTimeout(resolve, 5))
  second.abort()
  await again
  assert.deepEqual(slow.shipped, ['one', 'two'])
})
