/** The launchers themselves: on the engines of the run, and on others started beside them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, test } from 'node:test'
import { Client } from 'pg'
import { TOPICS } from '@flowguard/contract'
import { readSettings } from '../packages/pipeline/src/kernel/config.ts'
import { ensureTopics, topicStates } from '../packages/pipeline/src/log/adapters/kafka-topics.ts'
import { deleteTopics, testAddress } from '../packages/pipeline/src/log/testing/kafka.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { plannedTopics } from '../packages/pipeline/src/wiring/kafka-topics.ts'
import { engine, engineAddress, network, type EngineServer } from '../test/support/engines.ts'
import { until } from '../test/support/machine.ts'
import { EngineError } from './command.ts'
import { installEngines, productEnvironment, startEngines } from './engines.ts'
import { brokersKnownTo } from './kafka-ask.ts'
import { DEFAULT_PORTS, freePorts, listening } from './ports.ts'
import { isAlive } from './processes.ts'
import { openRunFolder, openTemporaryFolder } from './run-folder.ts'
import { serverOf } from './server.ts'

const portsOf = (addresses: string) => addresses.split(',').map((address) => Number(address.split(':')[1]))
const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3'] as const
const [first, second, third] = portsOf(engineAddress('kafka')) as [number, number, number]

/** For a test that takes a server away: it is there again afterwards. */
function broughtBack(name: EngineServer): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => engine(name).start() }
}

async function connected(address: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: address })
  // Its server is killed under it.
  client.on('error', () => undefined)
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) })
}

test('each broker knows all three, directly and by the proxies', async () => {
  for (const port of [...portsOf(engineAddress('kafka')), ...portsOf(engineAddress('kafka-proxy'))]) {
    await until(`the broker on ${port} knows all`, async () => (await brokersKnownTo(port)).join() === '1,2,3')
  }
})

/** Of the driver, what is used here. */
interface Driver {
  KafkaJS: { Kafka: new (settings: object) => Kafka }
}
interface Kafka {
  admin(): {
    connect(): Promise<void>
    createTopics(options: object): Promise<boolean>
    deleteTopics(options: object): Promise<void>
    disconnect(): Promise<void>
  }
  producer(settings: object): {
    connect(): Promise<void>
    send(record: object): Promise<unknown>
    disconnect(): Promise<void>
  }
}

test('the Kafka driver writes by way of the proxies alone: cut off it cannot, mended it can', async () => {
  const folder = process.env['FLOWGUARD_DRIVERS']?.split(delimiter)[0]
  assert(folder, 'FLOWGUARD_DRIVERS is set')
  const { KafkaJS } = createRequire(join(folder, 'x.js'))('@confluentinc/kafka-javascript') as Driver
  const quiet = { logLevel: 0 }
  const direct = new KafkaJS.Kafka({ kafkaJS: { brokers: engineAddress('kafka').split(','), ...quiet } })
  const proxied = new KafkaJS.Kafka({ kafkaJS: { brokers: engineAddress('kafka-proxy').split(','), ...quiet } })
  const topic = 'launcher-test'
  const admin = direct.admin()
  const producer = proxied.producer({ 'message.timeout.ms': 5_000, kafkaJS: { acks: -1 } })
  const send = () => producer.send({ topic, messages: [{ key: 'k', value: 'v' }] })
  await admin.connect()
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 3 }] })
    await producer.connect()
    await send()
    for (const name of BROKERS) await network(name).cut()
    await assert.rejects(send())
    await network('kafka-1').mend()
    // It waits between its tries to connect.
    const isSent = () =>
      send().then(
        () => true,
        () => false,
      )
    await until('it writes again', isSent, 60_000)
  } finally {
    await network('kafka-1').mend()
    await producer.disconnect()
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
  }
})

test('what is made of topics with the settings of the native launcher is what `topics plan` wants with them: three copies, two in sync', async () => {
  const { LOG_COPIES } = productEnvironment(['kafka'], DEFAULT_PORTS, undefined, { path: join })
  const address = testAddress()
  const env = { LOG_URL: `kafka://${address.brokers.join(',')}/${address.prefix}`, LOG_COPIES }
  const settings = readSettings({}, env, import.meta.dirname)
  const specs = readTopics(settings.TOPICS_FILE, Number(settings.LOG_COPIES))
  try {
    // As a gateway does when it starts.
    await ensureTopics(address, specs, TOPICS)
    assert.deepEqual(
      (await plannedTopics(settings)).map(({ differences }) => differences),
      [[]],
    )
    for (const { topic, copies, settings: kept } of await topicStates(address, specs))
      assert.deepEqual([copies, kept['min.insync.replicas']], [BROKERS.length, '2'], topic)
  } finally {
    await deleteTopics(address, TOPICS)
  }
})

test('a broker that is killed is gone for the others, and comes back', async () => {
  await using _ = broughtBack('kafka-2')
  const pid = await engine('kafka-2').pid()
  await engine('kafka-2').kill()
  assert(pid !== null && !isAlive(pid))
  await assert.rejects(brokersKnownTo(second))
  for (const port of [first, third]) {
    await until('the others know it is gone', async () => (await brokersKnownTo(port)).join() === '1,3')
  }
  await engine('kafka-2').start()
  await until('all are back', async () => (await brokersKnownTo(first)).length === 3)
})

test('PostgreSQL, killed with a connection open, comes back with what was committed', async () => {
  await using _ = broughtBack('postgres')
  await using before = await connected(engineAddress('postgres'))
  await before.query('drop table if exists launcher_test')
  await before.query('create table launcher_test (n integer)')
  await before.query('insert into launcher_test values (7)')
  await engine('postgres').kill()
  await assert.rejects(before.query('select 1'))
  await engine('postgres').start()
  await using again = await connected(engineAddress('postgres'))
  assert.deepEqual((await again.query('select n from launcher_test')).rows, [{ n: 7 }])
  await again.query('drop table launcher_test')
})

test('the way through the proxy is cut, reset and mended, while the engine itself goes on', async () => {
  const way = network('postgres')
  try {
    await using client = await connected(engineAddress('postgres-proxy'))
    await way.reset()
    await assert.rejects(client.query('select 1'))
    await way.mend()
    await using again = await connected(engineAddress('postgres-proxy'))
    await way.cut()
    await assert.rejects(again.query('select 1'))
    await assert.rejects(connected(engineAddress('postgres-proxy')))
    await using direct = await connected(engineAddress('postgres'))
    assert.equal((await direct.query('select 1')).rowCount, 1)
  } finally {
    await way.mend()
  }
  await using last = await connected(engineAddress('postgres-proxy'))
  assert.equal((await last.query('select 1')).rowCount, 1)
})

test('S3, Prometheus and Toxiproxy answer', async () => {
  assert.equal((await fetch(engineAddress('s3'))).status, 403)
  assert.equal((await fetch(`${engineAddress('prometheus')}/api/v1/query?query=up`)).status, 200)
  assert.equal((await fetch(`${engineAddress('toxiproxy')}/version`)).status, 200)
})

const CHEAP = ['postgres', 'redis', 's3', 'prometheus', 'toxiproxy'] as const

test('a second set runs beside the first, and leaves nothing running and no folder', async () => {
  const installed = await installEngines(CHEAP)
  const pids: (number | undefined)[] = []
  let path = ''
  {
    using folder = openTemporaryFolder()
    path = folder.path('x')
    await using engines = await startEngines(installed, folder, await freePorts())
    pids.push(...[...engines.servers.values()].map(({ pid }) => pid))
    assert.equal(pids.filter((pid) => pid !== undefined && isAlive(pid)).length, CHEAP.length)
  }
  assert(pids.every((pid) => pid !== undefined && !isAlive(pid)))
  assert(!existsSync(join(path, '..')))
})

test('a port that somebody else has: says so, and leaves nothing running', async () => {
  const installed = await installEngines(['redis', 's3'])
  const ports = await freePorts()
  const other = await listening(ports.redis)
  try {
    using folder = openTemporaryFolder()
    const error: unknown = await startEngines(installed, folder, ports).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert(error instanceof EngineError)
    assert.match(error.message, new RegExp(`redis cannot start: something else listens on 127.0.0.1:${ports.redis}`))
    const pids = JSON.parse(readFileSync(folder.path('pids.json'), 'utf8')) as { servers: object }
    assert.deepEqual(pids.servers, {})
  } finally {
    other?.close()
  }
})

test('an engine that ends while it starts: says so with the end of its log', async () => {
  using folder = openTemporaryFolder()
  const server = serverOf(folder, {
    name: 'broken',
    program: process.execPath,
    args: ['-e', 'console.log("the disk is full"); process.exitCode = 3'],
    ports: [],
    isReady: () => Promise.resolve(false),
    readyMsMax: 10_000,
    stopMsMax: 1_000,
  })
  await assert.rejects(server.start(), /broken ended while it was starting\n.*\nthe disk is full/)
})

const scratch = mkdtempSync(join(tmpdir(), 'flowguard-launcher-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

test('what a launcher that was killed left running is ended by the next one in its folder', async () => {
  const script = `
    import { installEngines, startEngines } from ${JSON.stringify(join(import.meta.dirname, 'engines.ts'))}
    import { freePorts } from ${JSON.stringify(join(import.meta.dirname, 'ports.ts'))}
    import { openRunFolder } from ${JSON.stringify(join(import.meta.dirname, 'run-folder.ts'))}
    const folder = openRunFolder(${JSON.stringify(scratch)})
    const engines = await startEngines(await installEngines(['redis']), folder, await freePorts())
    process.stdout.write(String(engines.servers.get('redis').pid))
    setInterval(() => {}, 60_000)
  `
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await until('Redis runs', () => text !== '')
  assert.throws(() => openRunFolder(scratch), /already running, by process \d+/)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  assert(isAlive(Number(text)), 'Redis outlives its launcher')
  using _ = openRunFolder(scratch)
  await until('Redis is gone', () => !isAlive(Number(text)))
})
