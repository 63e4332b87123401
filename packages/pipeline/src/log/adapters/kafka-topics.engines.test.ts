import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { CLICKS, DEAD, ORDERS } from '@flowguard/contract'
import { hasCode } from '../../kernel/errors.ts'
import { planTopics } from '../topics-plan.ts'
import { RAW_BYTES_MAX, RECORD_BYTES_MAX } from '../topics.ts'
import { deleteTopics, kafkaTopics, specsOf, testAddress } from '../testing/kafka.ts'
import { ALERTS, numbered, record } from '../testing/records.ts'
import { setTopicSettings } from './kafka-requests.ts'
import { applyTopics, ensureTopics, topicStates } from './kafka-topics.ts'
import { wireTo } from './kafka-wire.ts'

test('what differs is planned, applied, and then differs no more', async () => {
  const address = testAddress()
  const { 'dead.v1': dead, 'alerts.v1': alerts } = specsOf(1)
  const before = { [DEAD]: { ...dead, partitions: 1, retentionMs: 60_000, compression: 'none' } }
  const specs = { [DEAD]: dead, [ALERTS]: alerts }
  await applyTopics(address, before, planTopics(before, await topicStates(address, before)))
  try {
    using wire = await wireTo(address)
    await setTopicSettings(wire, address.prefix + DEAD, { 'max.message.bytes': '4194304' })
    let plan = planTopics(specs, await topicStates(address, specs))
    // One broker may know it before another.
    for (let tries = 0; plan.length < 5 && tries < 200; tries += 1) plan = planTopics(specs, await topicStates(address, specs))
    assert.deepEqual(
      plan.map(({ topic, what, from }) => [topic, what, from]),
      [
        [DEAD, 'partitions', '1'],
        [DEAD, 'retention.ms', '60000'],
        [DEAD, 'compression.type', 'uncompressed'],
        [DEAD, 'max.message.bytes', '4194304'],
        [ALERTS, 'missing', ''],
      ],
    )
    await applyTopics(address, specs, plan)
    assert.deepEqual(planTopics(specs, await topicStates(address, specs)), [])
    const unknown = planTopics({ [DEAD]: dead }, await topicStates(address, { [DEAD]: dead }))
    assert.deepEqual(
      unknown.map(({ topic, what, isApplicable }) => [topic, what, isApplicable]),
      [[ALERTS, 'unknown', false]],
    )
  } finally {
    await deleteTopics(address, [DEAD, ALERTS])
  }
})

test('two that start at once both find the topics made', async () => {
  const address = testAddress()
  await Promise.all([1, 2, 3].map(() => ensureTopics(address, specsOf(1), [ALERTS, DEAD])))
  await ensureTopics(address, specsOf(1), [ALERTS])
  await deleteTopics(address, [ALERTS, DEAD])
})

test('a log is refused while a topic is missing, and where one has other partitions than declared', async () => {
  const address = testAddress()
  const fewer = { ...specsOf(1), [CLICKS]: { ...specsOf(1)[CLICKS], partitions: 2 } }
  await ensureTopics(address, fewer, [CLICKS])
  const store = await kafkaTopics([CLICKS], 1, address)
  await assert.rejects(
    store.open(Date.now),
    (error) => hasCode(error, 'file_invalid') && /has 2 partitions, and is declared with 6/.test(String(error)),
  )
  await store[Symbol.asyncDispose]()
  await assert.rejects(store.open(Date.now), (error) => hasCode(error, 'store_missing'))
})

test('a topic that was deleted and made again is another log; one that appears beside it changes nothing', async () => {
  await using store = await kafkaTopics([ALERTS])
  const idNow = async () => {
    await using log = await store.open(Date.now)
    return log.id
  }
  const id = await idNow()
  await ensureTopics(store.address, store.specs, [DEAD])
  assert.equal(await idNow(), id)
  await deleteTopics(store.address, [ALERTS, DEAD])
  await ensureTopics(store.address, store.specs, [ALERTS])
  assert.notEqual(await idNow(), id)
})

test('what is acknowledged and read stays within what was declared: a record too large for a topic is refused', async () => {
  await using store = await kafkaTopics([ALERTS, ORDERS])
  await using log = await store.open(Date.now)
  const isTooLarge = (error: unknown) => hasCode(error, 'record_too_large')
  await log.append(ALERTS, [record('u', randomBytes(RECORD_BYTES_MAX - 1_000))])
  await assert.rejects(log.append(ALERTS, [record('u', 'x'.repeat(RECORD_BYTES_MAX))]), isTooLarge)
  await assert.rejects(log.append(ORDERS, [record('u', randomBytes(RAW_BYTES_MAX))]), isTooLarge)
  // Many at once are not too large together.
  await log.append(
    ORDERS,
    Array.from({ length: 200 }, () => record('u', randomBytes(20_000))),
  )
  const positions = await log.append(ALERTS, numbered(1))
  assert.equal(positions[0]?.offset, 1)
  // One after the other: the first alone is more than is fetched ahead.
  for (const next of [0, 1]) {
    const [found] = await log.read([{ topic: ALERTS, partition: 0, next }], { countMax: 1, waitMs: 20_000 })
    assert.equal(found?.offset, next)
  }
})
