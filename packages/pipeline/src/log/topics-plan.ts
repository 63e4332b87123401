import { settingsOf, type TopicSpec } from './topics.ts'

/** All topics, or those that lie on one engine. */
export type DeclaredTopics = Readonly<Record<string, TopicSpec>>

/** A topic as a cluster has it. */
export interface TopicState {
  topic: string
  partitions: number
  /** Of the partition that has the fewest. */
  copies: number
  settings: Readonly<Record<string, string>>
}

export interface TopicDifference {
  topic: string
  /** `missing`, `unknown`, `partitions`, `copies`, or a setting by Kafka's name. */
  what: string
  /** What the cluster has; '' where it has none. */
  from: string
  /** What is declared; '' where nothing is. */
  to: string
  /** Whether it can be made so in place. */
  isApplicable: boolean
  /** What to do where it cannot. */
  advice: string
}

const FEWER =
  'partitions only grow: raise the number in topics.yaml, or stop FlowGuard, delete the topic (what it holds is lost), and apply again'
const COPIES =
  'copies are moved by kafka-reassign-partitions.sh, while everything runs; or set LOG_COPIES to the number that the cluster has'
const INSYNC = 'its copies must be there first: until then one dead broker would stop all who write to it'
const UNKNOWN = 'declared nowhere: left alone. Delete it with kafka-topics.sh where nobody needs it'
/** The key's hash, modulo the partitions, says where an event lies: with more of them a user's later events lie elsewhere. */
const MORE = 'later events of a user may lie in another partition than earlier ones: apply it while FlowGuard is stopped and all is read'

/** What must be done for the cluster to be as it is declared, topic by topic. */
export function planTopics(specs: DeclaredTopics, states: readonly TopicState[]): TopicDifference[] {
  const plan: TopicDifference[] = []
  for (const [topic, spec] of Object.entries(specs)) {
    const state = states.find((each) => each.topic === topic)
    const differs = (what: string, from: string, to: string, isApplicable: boolean, advice = '') =>
      void plan.push({ topic, what, from, to, isApplicable, advice })
    if (!state) {
      differs('missing', '', `${spec.partitions} partitions, ${spec.copies} copies`, true)
      continue
    }
    if (state.partitions !== spec.partitions) {
      const canGrow = state.partitions < spec.partitions
      differs('partitions', String(state.partitions), String(spec.partitions), canGrow, canGrow ? MORE : FEWER)
    }
    if (state.copies !== spec.copies) differs('copies', String(state.copies), String(spec.copies), false, COPIES)
    for (const [key, value] of Object.entries(settingsOf(topic, spec))) {
      const found = state.settings[key] ?? ''
      if (found === value) continue
      const isTooSoon = key === 'min.insync.replicas' && state.copies < spec.copies && Number(value) > Math.max(1, state.copies - 1)
      differs(key, found, value, !isTooSoon, isTooSoon ? INSYNC : '')
    }
  }
  const unknown = states.filter(({ topic }) => !(topic in specs) && !topic.startsWith('__'))
  for (const { topic } of unknown) plan.push({ topic, what: 'unknown', from: 'there', to: '', isApplicable: false, advice: UNKNOWN })
  return plan
}
