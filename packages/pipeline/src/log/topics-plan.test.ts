import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEST_TOPICS } from './testing/records.ts'
import { planTopics, type TopicState } from './topics-plan.ts'
import { settingsOf, type TopicSpec } from './topics.ts'

const DEAD: TopicSpec = { ...TEST_TOPICS['dead.v1'], partitions: 3, copies: 2 }
const SPECS = { 'dead.v1': DEAD }
const state = (change: Partial<TopicState> = {}): TopicState => ({
  topic: 'dead.v1',
  partitions: 3,
  copies: 2,
  settings: settingsOf('dead.v1', DEAD),
  ...change,
})
const plan = (...states: TopicState[]) =>
  planTopics(SPECS, states).map(({ topic, what, from, to, isApplicable }) => [topic, what, from, to, isApplicable])

test('a cluster as it is declared differs in nothing', () => {
  assert.deepEqual(plan(state()), [])
})

test('a missing topic is made, and one that is declared nowhere is left alone', () => {
  assert.deepEqual(plan(state({ topic: 'mine' }), state({ topic: '__consumer_offsets' })), [
    ['dead.v1', 'missing', '', '3 partitions, 2 copies', true],
    ['mine', 'unknown', 'there', '', false],
  ])
})

test('partitions only grow, copies are moved by other tools, settings are changed in place; what cannot be done has its advice', () => {
  const settings = { ...settingsOf('dead.v1', DEAD), 'retention.ms': '1000', 'min.insync.replicas': '2' }
  assert.deepEqual(plan(state({ partitions: 1, copies: 1, settings })), [
    ['dead.v1', 'partitions', '1', '3', true],
    ['dead.v1', 'copies', '1', '2', false],
    ['dead.v1', 'retention.ms', '1000', String(DEAD.retentionMs), true],
    ['dead.v1', 'min.insync.replicas', '2', '1', true],
  ])
  // What is to be moved by other tools first.
  const three = { 'dead.v1': { ...DEAD, copies: 3, minInsync: 2 } }
  const raised = (copies: number) => planTopics(three, [state({ copies })]).find(({ what }) => what === 'min.insync.replicas')
  for (const copies of [1, 2]) assert.ok(raised(copies)?.isApplicable === false && raised(copies)?.advice, `${copies} copies`)
  assert.equal(raised(3)?.isApplicable, true)
  assert.deepEqual(plan(state({ partitions: 5 })), [['dead.v1', 'partitions', '5', '3', false]])
  for (const each of planTopics(SPECS, [state({ partitions: 5, copies: 3 })])) assert.ok(each.advice)
})
