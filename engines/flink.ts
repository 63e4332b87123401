import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { installed } from './cache.ts'
import { command, need } from './command.ts'
import { fetchJars, needJava, needMaven, type JavaTools } from './maven.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { VERSIONS } from './versions.ts'

const MAVEN_GROUP = 'org.apache.flink'
const PIP_MS_MAX = 15 * 60_000
const READY_MS_MAX = 120_000
const STOP_MS_MAX = 20_000
const ASK_MS_MAX = 3_000
const HEARD_OF_MS = 2_000

/** Of the whole cluster, here and in compose.yaml; what a job wants of its own stands in its SQL (engines/flink). */
export const FLINK_SETTINGS: Readonly<Record<string, string>> = {
  'taskmanager.numberOfTaskSlots': '4',
  'taskmanager.cpu.cores': '2.0',
  'parallelism.default': '1',
  // A TaskManager that is started by hand exits unless each part of its memory is named.
  'taskmanager.memory.framework.heap.size': '128m',
  'taskmanager.memory.framework.off-heap.size': '128m',
  'taskmanager.memory.task.heap.size': '512m',
  'taskmanager.memory.task.off-heap.size': '0m',
  'taskmanager.memory.managed.size': '128m',
  'taskmanager.memory.network.min': '64m',
  'taskmanager.memory.network.max': '64m',
  'taskmanager.memory.jvm-metaspace.size': '256m',
  'taskmanager.memory.jvm-overhead.min': '192m',
  'taskmanager.memory.jvm-overhead.max': '192m',
  'jobmanager.memory.process.size': '1024m',
  // A killed TaskManager is noticed after 8 s, and its job goes on once another is there.
  'heartbeat.interval': '1000',
  'heartbeat.timeout': '8000',
  // How old what it says of watermarks may be: FlowGuard waits for that where Flink answers.
  'metrics.fetcher.update-interval': '1000',
  'restart-strategy.type': 'fixed-delay',
  'restart-strategy.fixed-delay.attempts': '1000000',
  'restart-strategy.fixed-delay.delay': '1s',
  'execution.checkpointing.interval': '2s',
  // What the job goes on from where the JobManager itself was lost.
  'execution.checkpointing.externalized-checkpoint-retention': 'RETAIN_ON_CANCELLATION',
}

/** What Flink's own scripts give every Java from 17 on. */
const OPENED = [
  ...['lang', 'net', 'io', 'nio', 'lang.reflect', 'text', 'time', 'util', 'util.concurrent', 'util.concurrent.atomic'].map(
    (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
  ),
  '--add-opens=java.base/java.util.concurrent.locks=ALL-UNNAMED',
  '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
]
const JOB_MANAGER_HEAP = ['-Xms128m', '-Xmx448m', '-XX:MaxMetaspaceSize=256m']
const GATEWAY_HEAP = ['-Xms128m', '-Xmx384m', '-XX:MaxMetaspaceSize=256m']
/** The heaps, and the memory beside them, that the settings above come to. */
const TASK_MANAGER_HEAP = ['-Xms640m', '-Xmx640m', '-XX:MaxDirectMemorySize=192m', '-XX:MaxMetaspaceSize=256m']

const LOG4J = `rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %-60c %x - %m%n
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
`

export async function installFlink(): Promise<JavaTools> {
  const java = needJava()
  const folder = await installed(`flink-${VERSIONS.flink}`, async (aside) => {
    const maven = needMaven('Flink')
    await installLibraries(aside)
    // The SQL Gateway and the connector.
    await fetchJars(maven, aside, [
      { group: MAVEN_GROUP, artifact: 'flink-sql-gateway', version: VERSIONS.flink, isWhole: true },
      { group: MAVEN_GROUP, artifact: 'flink-sql-connector-kafka', version: VERSIONS.flinkKafka, isWhole: true },
    ])
  })
  return { java, lib: join(folder, 'lib') }
}

/** Flink's own jars, from the Python package that brings them: not all of them are in Maven Central. */
async function installLibraries(folder: string): Promise<void> {
  const target = join(folder, 'python')
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--no-compile',
    '--target',
    target,
    `apache-flink-libraries==${VERSIONS.flink}`,
  ]
  await command(need('python3', 'Python 3, with pip, which fetches Flink'), args, { msMax: PIP_MS_MAX })
  await rename(join(target, 'pyflink', 'lib'), join(folder, 'lib'))
  await rm(target, { recursive: true })
}

/** A JobManager, a TaskManager, and the SQL Gateway. They find each other in any order. */
export function startFlink(folder: RunFolder, { java, lib }: JavaTools, ports: Ports): Server[] {
  const config = folder.path('flink', 'conf', 'config.yaml')
  const logging = folder.path('flink', 'conf', 'log4j.properties')
  writeFileSync(config, settingsText({ ...FLINK_SETTINGS, ...addresses(folder, ports) }))
  writeFileSync(logging, LOG4J)
  const server = (
    name: string,
    heap: readonly string[],
    main: readonly string[],
    own: readonly number[],
    isReady: () => Promise<boolean>,
  ) =>
    serverOf(folder, {
      name: `flink-${name}`,
      program: java,
      args: [...heap, ...OPENED, `-Dlog4j.configurationFile=file:${logging}`, '-cp', `${lib}/*`, ...main],
      env: { ...process.env, FLINK_CONF_DIR: folder.path('flink', 'conf') },
      ports: own,
      isReady,
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    })
  const configured = ['--configDir', folder.path('flink', 'conf')]
  const jobs = `http://127.0.0.1:${ports['flink-jobs']}`
  const runtime = 'org.apache.flink.runtime'
  return [
    server(
      'jobmanager',
      JOB_MANAGER_HEAP,
      [`${runtime}.entrypoint.StandaloneSessionClusterEntrypoint`, ...configured],
      [ports['flink-rpc'], ports['flink-blobs'], ports['flink-jobs']],
      async () => 'taskmanagers' in (await answerOf(`${jobs}/overview`)),
    ),
    server(
      'taskmanager',
      TASK_MANAGER_HEAP,
      [`${runtime}.taskexecutor.TaskManagerRunner`, ...configured],
      [ports['flink-tasks']],
      async () => {
        // One that was killed stays listed until its heartbeat is missed; this one's port answers besides.
        await connected(ports['flink-tasks'])
        const { taskmanagers } = (await answerOf(`${jobs}/taskmanagers`)) as { taskmanagers: { timeSinceLastHeartbeat: number }[] }
        return taskmanagers.some((each) => Date.now() - each.timeSinceLastHeartbeat < HEARD_OF_MS)
      },
    ),
    server(
      'gateway',
      GATEWAY_HEAP,
      ['org.apache.flink.table.gateway.SqlGateway'],
      [ports['flink-sql']],
      async () => 'productName' in (await answerOf(`http://127.0.0.1:${ports['flink-sql']}/v1/info`)),
    ),
  ]
}

async function connected(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(ASK_MS_MAX, () => socket.destroy(new Error('no answer')))
  await once(socket, 'connect').finally(() => socket.destroy())
}

async function answerOf(url: string): Promise<object> {
  return (await (await fetch(url, { signal: AbortSignal.timeout(ASK_MS_MAX) })).json()) as object
}

function addresses(folder: RunFolder, ports: Ports): Record<string, string> {
  const here = '127.0.0.1'
  return {
    'jobmanager.rpc.address': here,
    'jobmanager.bind-host': here,
    'jobmanager.rpc.port': String(ports['flink-rpc']),
    'blob.server.port': String(ports['flink-blobs']),
    'rest.address': here,
    'rest.bind-address': here,
    'rest.port': String(ports['flink-jobs']),
    'taskmanager.host': here,
    'taskmanager.bind-host': here,
    // One that is started again takes the place of the one that was killed, before that is missed.
    'taskmanager.resource-id': 'flink-taskmanager',
    'taskmanager.rpc.port': String(ports['flink-tasks']),
    'sql-gateway.endpoint.rest.address': here,
    'sql-gateway.endpoint.rest.bind-address': here,
    'sql-gateway.endpoint.rest.port': String(ports['flink-sql']),
    'execution.checkpointing.dir': `file://${folder.path('flink', 'checkpoints')}`,
    'execution.checkpointing.savepoint-dir': `file://${folder.path('flink', 'savepoints')}`,
    'io.tmp.dirs': folder.path('flink', 'tmp'),
  }
}

function settingsText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')
}
