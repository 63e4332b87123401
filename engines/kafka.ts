import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { installed } from './cache.ts'
import { command } from './command.ts'
import { brokersKnownTo } from './kafka-ask.ts'
import { fetchJars, needJava, needMaven, type JavaTools } from './maven.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { VERSIONS } from './versions.ts'

const FORMAT_MS_MAX = 60_000
const READY_MS_MAX = 120_000
const STOP_MS_MAX = 20_000

const IDS = [1, 2, 3] as const
type Id = (typeof IDS)[number]

/** Of every broker, here and in compose.yaml. What it says of copies is of Kafka's own topics; FlowGuard's are made with theirs. */
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'controller.listener.names': 'CONTROLLER',
  'inter.broker.listener.name': 'PLAINTEXT',
  // A topic is made by `flowguard topics apply` alone: one that a reader's mistake makes would have the wrong partitions.
  'auto.create.topics.enable': 'false',
  'offsets.topic.replication.factor': '3',
  'offsets.topic.num.partitions': '6',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'transaction.state.log.num.partitions': '6',
  'share.coordinator.state.topic.replication.factor': '3',
  'share.coordinator.state.topic.min.isr': '2',
  'group.initial.rebalance.delay.ms': '0',
  // A dead broker is noticed after 3 s, and its partitions go on elsewhere.
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
}

/**
 * Of every topic of FlowGuard's on three brokers, here and in compose.yaml: two must have a record before it counts as written, so that what was accepted outlives
 * any one of them. config/kafka/topics.yaml says 2, for clusters that would rather save the disk.
 */
export const TOPIC_COPIES = 3

export const BROKER_HEAP = ['-Xms256m', '-Xmx512m'] as const

/** For what runs a second and ends. */
const SHORT_JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

export async function installKafka(): Promise<JavaTools> {
  const java = needJava()
  const folder = await installed(`kafka-${VERSIONS.kafka}`, async (aside) => {
    await fetchJars(needMaven('Kafka'), aside, [
      { group: 'org.apache.kafka', artifact: `kafka_${VERSIONS.scala}`, version: VERSIONS.kafka },
      { group: 'org.apache.kafka', artifact: 'kafka-tools', version: VERSIONS.kafka },
      { group: 'org.apache.logging.log4j', artifact: 'log4j-slf4j-impl', version: VERSIONS.log4j },
    ])
  })
  return { java, lib: join(folder, 'lib') }
}

const dataOf = (folder: RunFolder, id: Id) => folder.path(`kafka-${id}`, 'data')

/** Where each broker keeps its records. */
export const dataFolders = (folder: RunFolder): string[] => IDS.map((id) => dataOf(folder, id))

/** Three brokers, each a controller too. One is ready once it finds itself among those that are alive, which the three of them decide. */
export async function startKafka(folder: RunFolder, { java, lib }: JavaTools, ports: Ports): Promise<Server[]> {
  const classPath = ['-cp', `${lib}/*`]
  const servers = await Promise.all(
    IDS.map(async (id) => {
      const name = `kafka-${id}`
      const properties = folder.path(name, 'server.properties')
      const data = dataOf(folder, id)
      writeFileSync(properties, propertiesText({ ...BROKER_SETTINGS, ...addressesOf(id, ports), 'log.dirs': data }))
      await format(folder, data, properties, [java, ...SHORT_JVM, ...classPath])
      return serverOf(folder, {
        name,
        program: java,
        args: [...BROKER_HEAP, ...classPath, 'kafka.Kafka', properties],
        ports: [ports[`kafka-${id}`], ports[`kafka-${id}-behind`], ports[`kafka-${id}-controller`]],
        isReady: async () => (await brokersKnownTo(ports[`kafka-${id}`])).includes(id),
        readyMsMax: READY_MS_MAX,
        stopMsMax: STOP_MS_MAX,
      })
    }),
  )
  return servers
}

function addressesOf(id: Id, ports: Ports): Record<string, string> {
  const at = (port: number) => `127.0.0.1:${port}`
  const controller = (each: Id) => at(ports[`kafka-${each}-controller`])
  return {
    'node.id': String(id),
    'controller.quorum.voters': IDS.map((each) => `${each}@${controller(each)}`).join(','),
    listeners: `PLAINTEXT://${at(ports[`kafka-${id}`])},BEHIND://${at(ports[`kafka-${id}-behind`])},CONTROLLER://${controller(id)}`,
    'advertised.listeners': `PLAINTEXT://${at(ports[`kafka-${id}`])},BEHIND://${at(ports[`kafka-${id}-proxy`])}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT',
  }
}

function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

async function format(folder: RunFolder, data: string, properties: string, [java = '', ...args]: string[]): Promise<void> {
  if (existsSync(join(data, 'meta.properties'))) return
  // One that died in the middle.
  await rm(data, { recursive: true, force: true })
  await command(java, [...args, 'kafka.tools.StorageTool', 'format', '-t', clusterId(folder), '-c', properties], { msMax: FORMAT_MS_MAX })
}

/** The same for all brokers of a folder. As Kafka's own: 16 bytes, and no dash at the beginning, which would be taken for an option. */
function clusterId(folder: RunFolder): string {
  const file = folder.path('kafka-cluster-id')
  if (!existsSync(file)) writeFileSync(file, randomBytes(16).toString('base64url').replace(/^-/, 'A'))
  return readFileSync(file, 'utf8')
}
