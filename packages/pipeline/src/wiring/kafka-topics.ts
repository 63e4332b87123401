import { GENERAL, type Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../kernel/addresses.ts'
import type { Settings } from '../kernel/config.ts'
import { applyTopics, topicStates } from '../log/adapters/kafka-topics.ts'
import { planTopics, type DeclaredTopics, type TopicDifference } from '../log/topics-plan.ts'
import { readTopics } from '../log/topics.ts'
import { addressesOf } from '../stores.ts'

export interface TopicsPlan {
  /** Which names that Kafka. */
  setting: 'LOG_URL' | 'EVENTS_LOG_URL'
  /** Brokers and prefix, without a password. */
  kafka: string
  differences: readonly TopicDifference[]
  /** That are declared, of each topic. */
  copies: readonly number[]
}

interface Placed {
  setting: TopicsPlan['setting']
  address: KafkaAddress
  specs: DeclaredTopics
}

/** What is declared and what is there, of each Kafka that the settings name; none where they name none. */
export async function plannedTopics(settings: Settings): Promise<TopicsPlan[]> {
  return Promise.all(placed(settings).map(plan))
}

/** Makes what can be made in place, and resolves to what is left. */
export async function appliedTopics(settings: Settings): Promise<TopicsPlan[]> {
  const left: TopicsPlan[] = []
  for (const each of placed(settings)) {
    const { differences } = await plan(each)
    await applyTopics(each.address, each.specs, differences)
    left.push(await plan(each))
  }
  return left
}

async function plan({ setting, address, specs }: Placed): Promise<TopicsPlan> {
  const { brokers, prefix } = address
  const differences = planTopics(specs, await topicStates(address, specs))
  const copies = Object.values(specs).map((spec) => spec.copies)
  return { setting, kafka: `kafka://${brokers.join(',')}/${prefix}`, differences, copies }
}

/** General events may lie elsewhere than all the others. */
function placed(settings: Settings): Placed[] {
  const specs = readTopics(settings.TOPICS_FILE, Number(settings.LOG_COPIES))
  const { log, events } = addressesOf(settings)
  const only = (wanted: (topic: Topic) => boolean): DeclaredTopics =>
    Object.fromEntries(Object.entries(specs).filter(([topic]) => wanted(topic as Topic)))
  return [
    ...(log.engine === 'kafka'
      ? [{ setting: 'LOG_URL' as const, address: log, specs: only((topic) => !events || topic !== GENERAL) }]
      : []),
    ...(events?.engine === 'kafka'
      ? [{ setting: 'EVENTS_LOG_URL' as const, address: events, specs: only((topic) => topic === GENERAL) }]
      : []),
  ]
}
