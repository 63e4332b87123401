import { createHash } from 'node:crypto'
import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import { planTopics, type DeclaredTopics, type TopicDifference, type TopicState } from '../topics-plan.ts'
import { settingsOf, type TopicSpec, type TopicSpecs } from '../topics.ts'
import { accessConf, called, ERR, kafkaDriver, type AdminClient, type DriverError } from './kafka-driver.ts'
import { cluster, setTopicSettings, topicSettings, type Cluster } from './kafka-requests.ts'
import { wireTo, type Wire } from './kafka-wire.ts'

const CHANGE_MS_MAX = 10_000
const READY_MS_MAX = 15_000
const LOOK_MS = 25
const ID_CHARS = 32

/** Makes those of the topics that are missing, and resolves once all can be written and read. */
export async function ensureTopics(address: KafkaAddress, specs: TopicSpecs, topics: readonly Topic[]): Promise<void> {
  using wire = await wireTo(address)
  const names = topics.map((topic) => address.prefix + topic)
  const found = await cluster(wire, names)
  const missing = topics.filter((topic) => !found.topics.some(({ name }) => name === address.prefix + topic))
  await withAdmin(address, (admin) => Promise.all(missing.map((topic) => make(admin, address, topic, specs[topic]))))
  await ready(wire, names)
}

/** How many brokers there are now. */
export async function brokersOf(address: KafkaAddress): Promise<number> {
  using wire = await wireTo(address)
  return (await cluster(wire, [])).brokers.size
}

/** The declared topics as the cluster has them, and what else begins with the prefix, where there is one. */
export async function topicStates(address: KafkaAddress, specs: DeclaredTopics): Promise<TopicState[]> {
  using wire = await wireTo(address)
  const all = address.prefix === '' ? Object.keys(specs) : null
  const found = (await cluster(wire, all)).topics.filter(({ name }) => name.startsWith(address.prefix))
  const settings = await topicSettings(
    wire,
    found.map(({ name }) => name),
    Object.keys(settingsOf('', Object.values(specs)[0] as TopicSpec)),
  )
  return found.map(({ name, copies }) => ({
    topic: name.slice(address.prefix.length),
    partitions: copies.length,
    copies: Math.min(...copies),
    settings: Object.fromEntries(settings.get(name) ?? []),
  }))
}

/** Makes the cluster as it is declared, as far as that can be done in place. */
export async function applyTopics(address: KafkaAddress, specs: DeclaredTopics, differences: readonly TopicDifference[]): Promise<void> {
  using wire = await wireTo(address)
  await withAdmin(address, async (admin) => {
    for (const { topic, what, to } of differences.filter(({ isApplicable }) => isApplicable)) {
      const name = address.prefix + topic
      if (what === 'missing') await make(admin, address, topic, specs[topic] as TopicSpec)
      else if (what === 'partitions') {
        await called(`${name} cannot get its partitions`, (done) => admin.createPartitions(name, Number(to), CHANGE_MS_MAX, done))
      } else await setTopicSettings(wire, name, { [what]: to })
    }
  })
  await ready(
    wire,
    Object.keys(specs).map((topic) => address.prefix + topic),
  )
  await known(address, specs)
}

/** A broker that is asked may learn later than another what was changed: whoever looks at once is to see it. */
async function known(address: KafkaAddress, specs: DeclaredTopics): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX
  while (performance.now() < deadline) {
    if (!planTopics(specs, await topicStates(address, specs)).some(({ isApplicable }) => isApplicable)) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

/**
 * Made of the cluster's id and of those of the topics: deleted and made again they are another log, and what else appears beside them changes nothing.
 * Rejects with `store_missing` where one is missing, and with `file_invalid` where one has another number of partitions than it is declared with.
 */
export async function logIdOf(address: KafkaAddress, specs: TopicSpecs, topics: readonly Topic[]): Promise<string> {
  using wire = await wireTo(address)
  const { prefix } = address
  const found = await cluster(
    wire,
    topics.map((topic) => prefix + topic),
  )
  for (const topic of topics) refusePartitions(topic, prefix, specs[topic].partitions, found)
  const ids = found.topics.map(({ name, id }) => `${name.slice(prefix.length)}=${id}`).toSorted()
  return createHash('sha256')
    .update([found.id, ...ids].join('\n'))
    .digest('hex')
    .slice(0, ID_CHARS)
}

/** With any other number a key would lie elsewhere than its readers and Kafka's own clients look for it, or be read by nobody. */
function refusePartitions(topic: Topic, prefix: string, declared: number, { topics }: Cluster): void {
  const found = topics.find(({ name }) => name === prefix + topic)
  if (!found) throw new FlowGuardError('store_missing', `Kafka has no topic ${prefix}${topic} yet`)
  if (found.copies.length === declared) return
  throw new FlowGuardError(
    'file_invalid',
    `Kafka's ${found.name} has ${found.copies.length} partitions, and is declared with ${declared} of them; \`npx flowguard topics plan\` says what can be done`,
  )
}

async function make(admin: AdminClient, { prefix }: KafkaAddress, topic: string, spec: TopicSpec): Promise<void> {
  const { partitions, copies } = spec
  const made = { topic: prefix + topic, num_partitions: partitions, replication_factor: copies, config: settingsOf(topic, spec) }
  try {
    await called(`${made.topic} cannot be made`, (done) => admin.createTopic(made, CHANGE_MS_MAX, done))
  } catch (error) {
    // Another gateway that starts just now has made it.
    if (((error as Error).cause as DriverError | undefined)?.code !== ERR.topicExists) throw error
  }
}

async function withAdmin<T>(address: KafkaAddress, work: (admin: AdminClient) => Promise<T>): Promise<T> {
  const admin = kafkaDriver().AdminClient.create(accessConf(address), { 'event.error': () => undefined })
  try {
    return await work(admin)
  } finally {
    admin.disconnect()
  }
}

/** Every broker learns of a topic by itself: one that was just made may be unknown for a moment. */
async function ready(wire: Wire, names: readonly string[]): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX
  for (;;) {
    const { topics } = await cluster(wire, names)
    const missing = names.filter((name) => !topics.some((each) => each.name === name && each.isReady))
    if (missing.length === 0) return
    if (performance.now() > deadline) throw new FlowGuardError('log_unavailable', `no broker leads ${missing.join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}
