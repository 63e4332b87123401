/** compose.yaml and the Dockerfile are of the same versions and settings as what the launchers start. Its form is held by compose.engines.test.ts. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { readSettings } from '../packages/pipeline/src/kernel/config.ts'
import { DRIVER_VERSION } from '../packages/pipeline/src/log/adapters/kafka-driver.ts'
import { SNOWFLAKE_DRIVER_VERSION } from '../packages/pipeline/src/warehouse/adapters/snowflake-driver.ts'
import { PROCESSES, ROLES, SCALED_ROLES, type Role } from '../packages/pipeline/src/roles.ts'
import { DRIVER, LIBRARIES } from './driver.ts'
import { productEnvironment } from './engines.ts'
import { FLINK_SETTINGS } from './flink.ts'
import { BROKER_HEAP, BROKER_SETTINGS, TOPIC_COPIES } from './kafka.ts'
import { DEFAULT_PORTS } from './ports.ts'
import { INITDB_ARGS, POSTGRES_SETTINGS, POSTGRES_USER } from './postgres.ts'
import { REDIS_SETTINGS } from './redis.ts'
import { S3_BUCKET, S3_KEYS } from './s3.ts'
import { IMAGES, NODE_MAJOR, VERSIONS } from './versions.ts'

interface Service {
  image: string
  build?: string | { dockerfile_inline: string }
  init?: boolean
  command?: string[]
  entrypoint?: string[]
  environment?: Record<string, string>
  depends_on?: Record<string, { condition: string }>
  ports?: string[]
  volumes?: string[]
  healthcheck?: { test?: string[]; disable?: boolean }
  restart?: string
}

const root = resolve(import.meta.dirname, '..')
const compose = parse(readFileSync(join(root, 'compose.yaml'), 'utf8'), { merge: true }) as {
  services: Record<string, Service>
  volumes: Record<string, null>
}
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')
const services = Object.entries(compose.services)
const service = (name: string) => {
  const found = compose.services[name]
  assert(found, `there is a service ${name}`)
  return found
}
const BROKERS = ['kafka-1', 'kafka-2', 'kafka-3'] as const
const OWN = services.filter(([, { image }]) => image === 'flowguard')
/** They end when they are done. */
const ONE_SHOT = ['topics', 's3-bucket']

test('the drivers that FlowGuard tells people to install are those that were tried, and are in the image', () => {
  assert.equal(DRIVER_VERSION, VERSIONS.kafkaDriver)
  assert.equal(SNOWFLAKE_DRIVER_VERSION, VERSIONS.snowflakeDriver)
  assert(dockerfile.includes(`snowflake-sdk@${VERSIONS.snowflakeDriver}`))
})

// Nobody has an image of it: it is a service. In compose the warehouse is DuckDB's file, unless WAREHOUSE_URL says otherwise.
test('Snowflake is no service of compose.yaml, which takes the address of a real one', () => {
  assert.deepEqual(
    services.filter(([name]) => /snow/.test(name)),
    [],
  )
  const { environment = {} } = service('pipeline')
  for (const name of ['WAREHOUSE_URL', 'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE', 'SNOWFLAKE_PASSWORD'])
    assert.match(environment[name] ?? '', /^\$\{\w+:-/, name)
})

test('every image is of the version that engines/versions.ts says', () => {
  const images = new Set(services.filter(([, { build }]) => build === undefined).map(([, { image }]) => image))
  assert.deepEqual(images, new Set(Object.values(IMAGES)))
})

test('each broker has the settings of the native ones', () => {
  const names = Object.fromEntries(
    Object.entries(BROKER_SETTINGS).map(([name, value]) => [`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`, value]),
  )
  for (const [at, name] of BROKERS.entries()) {
    const { environment = {} } = service(name)
    assert.deepEqual(Object.fromEntries(Object.keys(names).map((key) => [key, environment[key]])), names, name)
    assert.equal(environment['KAFKA_HEAP_OPTS'], BROKER_HEAP.join(' '))
    assert.equal(environment['KAFKA_NODE_ID'], String(at + 1))
    assert.match(
      environment['KAFKA_ADVERTISED_LISTENERS'] ?? '',
      new RegExp(`PLAINTEXT://${name}:9092,HOST://127.0.0.1:${DEFAULT_PORTS[name]}$`),
    )
  }
})

test('PostgreSQL, Redis and S3 have the settings of the native ones', () => {
  const settings = Object.entries(POSTGRES_SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  assert.deepEqual(service('postgres').command, ['postgres', ...settings])
  assert.equal(service('postgres').environment?.['POSTGRES_USER'], POSTGRES_USER)
  assert.equal(service('postgres').environment?.['POSTGRES_INITDB_ARGS'], INITDB_ARGS.join(' '))
  assert.deepEqual(service('redis').command, [
    'redis-server',
    ...Object.entries(REDIS_SETTINGS).flatMap(([name, value]) => [`--${name}`, value]),
  ])
  assert.deepEqual(service('s3-bucket').entrypoint, ['mkdir', '-p', `/data/${S3_BUCKET}`])
  const { environment = {} } = service('gateway')
  assert.equal(environment['LAKE_URL'], `s3://${S3_BUCKET}/lake`)
  assert.equal(environment['AWS_REGION'], S3_KEYS.region)
  for (const key of [S3_KEYS.access, S3_KEYS.secret]) assert(Object.values(environment).some((value) => value.includes(`:-${key}}`)))
})

/** The roles of a service. */
function rolesOf({ command = [] }: Service): readonly string[] {
  const processes: Readonly<Record<string, readonly string[]>> = PROCESSES
  return command[0] === 'run' ? command.slice(1).flatMap((name) => processes[name] ?? [name]) : []
}
const running = (role: Role) => OWN.filter(([, each]) => rolesOf(each).includes(role)).map(([name]) => name)

test('every part of FlowGuard runs somewhere, and what works in one process alone in one service', () => {
  for (const role of ROLES)
    assert(SCALED_ROLES.includes(role) ? running(role).length > 0 : running(role).length === 1, `${role}: ${running(role).join()}`)
  assert.deepEqual(service('store').entrypoint, ['node', 'apps/store/main.ts'])
})

test('what shares pipeline.db and the warehouse is one service, on a volume that outlives it', () => {
  const sharing = PROCESSES.pipeline.filter((role) => !SCALED_ROLES.includes(role))
  assert.deepEqual(new Set(sharing.flatMap(running)), new Set(['pipeline']))
  assert(running('ops').includes('pipeline'), 'operations look at it')
  const dataDir = /DATA_DIR=(\S+)/.exec(dockerfile)?.[1]
  assert(dataDir, 'the image says where its data is')
  assert.equal(service('pipeline').volumes?.[0], `pipeline:${dataDir}`)
  for (const [name, { volumes = [] }] of OWN) if (name !== 'pipeline') assert.deepEqual(volumes, [], name)
})

test('every part makes, checks and uses topics with the copies of the native launcher', () => {
  const settings = OWN.filter(([name]) => name !== 'store').map(([name, { environment }]) => [name, environment?.['LOG_COPIES']])
  assert.deepEqual(
    settings,
    settings.map(([name]) => [name, String(TOPIC_COPIES)]),
  )
  assert.equal(productEnvironment(['kafka'], DEFAULT_PORTS, undefined, { path: join })['LOG_COPIES'], String(TOPIC_COPIES))
  assert.equal(BROKERS.length, TOPIC_COPIES, 'a copy on each')
})

test('Flink is of the version and has the settings of the native one, and its checkpoints are there for who starts its job again', () => {
  const services = ['flink-jobmanager', 'flink-taskmanager', 'flink-gateway'].map(service)
  for (const { build, environment, volumes } of services) {
    assert(typeof build === 'object')
    assert.match(build.dockerfile_inline, new RegExp(`^FROM flink:${RegExp.escape(VERSIONS.flink)}-java17$`, 'm'))
    assert(build.dockerfile_inline.includes(`/${VERSIONS.flinkKafka}/flink-sql-connector-kafka-${VERSIONS.flinkKafka}.jar`))
    const properties = parse(environment?.['FLINK_PROPERTIES'] ?? '') as Record<string, unknown>
    for (const [name, value] of Object.entries(FLINK_SETTINGS)) assert.equal(String(properties[name]), String(parse(value)), name)
    const [folder] = volumes?.map((volume) => volume.split(':')[1]) ?? []
    for (const name of ['execution.checkpointing.dir', 'execution.checkpointing.savepoint-dir'])
      assert.match(String(properties[name]), new RegExp(`^file://${folder}/`))
    assert(service('pipeline').volumes?.includes(`flink:${folder}:ro`))
  }
  const { STREAM_ENGINE: engine, ...settings } = productEnvironment(['flink'], DEFAULT_PORTS, undefined, { path: join })
  const { environment = {} } = service('pipeline')
  assert.deepEqual([engine, environment['STREAM_ENGINE']], ['flink', '${STREAM_ENGINE:-embedded}'])
  assert.deepEqual(
    Object.keys(settings).map((name) => new URL(environment[name] ?? '').hostname),
    ['flink-gateway', 'flink-jobmanager'],
  )
})

interface Scraping {
  rule_files: string[]
  scrape_configs: {
    job_name: string
    static_configs?: { targets: string[] }[]
    dns_sd_configs?: { names: string[]; type: string; port: number }[]
  }[]
}

/** The configuration that the service is started with, where it lies here. */
function prometheusFile(): string {
  const { command = [], volumes = [] } = service('prometheus')
  const inside = command.find((arg) => arg.startsWith('--config.file='))?.slice('--config.file='.length) ?? ''
  const [here, there] =
    volumes.map((volume) => volume.split(':')).find(([from, to]) => from?.startsWith('.') && inside.startsWith(`${to}/`)) ?? []
  assert(here && there, `${inside} is mounted`)
  return join(root, here, inside.slice(there.length))
}

const scrapingIn = (file: string) => parse(readFileSync(file, 'utf8')) as Scraping

/** Where the service tells its metrics: at the first of its own ports, else at METRICS_PORT. */
function metricsPortOf(own: Service): string {
  const filled = Object.entries(own.environment ?? {}).map(([name, value]) => [name, value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')])
  const settings = readSettings({}, Object.fromEntries(filled) as Record<string, string>, join(root, 'engines'))
  const served = { gateway: settings.GATEWAY_PORT, catalog: settings.CATALOG_PORT, ops: settings.OPS_PORT }
  const [port = settings.METRICS_PORT] = Object.entries(served).flatMap(([role, each]) => (rolesOf(own).includes(role) ? [each] : []))
  return port
}

test('Prometheus asks every part at the port where it answers, and looks for those alone in the DNS that are started more than once', () => {
  const { scrape_configs: jobs } = scrapingIn(prometheusFile())
  const named = jobs.flatMap(({ static_configs: each = [] }) => each.flatMap(({ targets }) => targets))
  const sought = jobs.flatMap(({ dns_sd_configs: each = [] }) => each.flatMap(({ names, port }) => names.map((name) => `${name}:${port}`)))
  const parts = OWN.filter(([, each]) => rolesOf(each).length > 0)
  // A port of this machine, or a volume, is one container's.
  const isScaled = (each: Service) =>
    !each.ports && !each.volumes && rolesOf(each).every((role) => (SCALED_ROLES as readonly string[]).includes(role))
  const addresses = (isWanted: (each: Service) => boolean) =>
    parts.filter(([, each]) => isWanted(each)).map(([name, each]) => `${name}:${metricsPortOf(each)}`)
  assert.deepEqual(named.toSorted(), addresses((each) => !isScaled(each)).toSorted())
  assert.deepEqual(sought.toSorted(), addresses(isScaled).toSorted())
})

test('each configuration of Prometheus loads every rule, and has the jobs that the rules ask for', () => {
  const folder = join(root, 'config/prometheus')
  const rules = globSync('rules/*', { cwd: folder }).map((file) => join(folder, file))
  const asked = rules.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\bjob(=~?)"([^"]+)"/g)])
  assert(rules.length > 0 && asked.length > 0)
  const files = globSync('prometheus*.yml', { cwd: folder }).map((file) => join(folder, file))
  assert(files.includes(prometheusFile()), 'compose.yaml runs one of them')
  for (const file of files) {
    const { rule_files: patterns, scrape_configs: jobs } = scrapingIn(file)
    const loaded = patterns.flatMap((pattern) => globSync(pattern, { cwd: dirname(file) }).map((each) => join(dirname(file), each)))
    assert.deepEqual(loaded.toSorted(), rules.toSorted(), file)
    const wanted = asked.map(([, how, text]) =>
      how === '=' ? new RegExp(`^${RegExp.escape(text as string)}$`) : new RegExp(`^(?:${text})$`),
    )
    const names = jobs.map(({ job_name: name }) => name)
    for (const each of wanted)
      assert(
        names.some((name) => each.test(name)),
        `${file}: no job is ${each}`,
      )
    for (const name of names)
      assert(
        wanted.some((each) => each.test(name)),
        `${file}: no rule asks for ${name}`,
      )
  }
})

test('every service tells how it is, and waits for what it needs', () => {
  for (const [name, { healthcheck, depends_on: needs = {}, init, restart }] of services) {
    if (!ONE_SHOT.includes(name)) {
      assert(healthcheck?.test && healthcheck.test.length > 1, `${name} has a health check`)
      assert.equal(restart, 'unless-stopped', name)
    }
    for (const [other, { condition }] of Object.entries(needs)) {
      assert.equal(condition, ONE_SHOT.includes(other) ? 'service_completed_successfully' : 'service_healthy', `${name} waits for ${other}`)
      service(other)
    }
    if (OWN.some(([own]) => own === name)) assert.equal(init, true, `signals reach ${name}`)
  }
  for (const [name, { depends_on: needs = {} }] of OWN.filter(([own]) => own !== 'store' && own !== 'topics')) {
    for (const other of [...BROKERS, 'postgres', 'redis', 's3', 'topics']) assert(other in needs, `${name} waits for ${other}`)
  }
})

test('nothing is published beyond this machine, no port twice, and the volumes are declared', () => {
  const ports = services.flatMap(([, { ports: own = [] }]) => own)
  for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/)
  const published = ports.map((port) => port.split(':')[1])
  assert.equal(new Set(published).size, published.length)
  const volumes = services.flatMap(([, { volumes: own = [] }]) => own.map((volume) => volume.split(':')[0] as string))
  assert.deepEqual(new Set(volumes.filter((volume) => !volume.startsWith('.'))), new Set(Object.keys(compose.volumes)))
})

test('what is published is where the native engines are', () => {
  const published = (name: string) => service(name).ports?.map((port) => Number(port.split(':')[1]))
  for (const name of [...BROKERS, 'postgres', 'redis', 's3', 'prometheus'] as const)
    assert.deepEqual(published(name), [DEFAULT_PORTS[name]])
  assert.deepEqual(published('flink-jobmanager'), [DEFAULT_PORTS['flink-jobs']])
  assert.deepEqual(published('flink-gateway'), [DEFAULT_PORTS['flink-sql']])
})

test("Astro's image is of the Airflow that was tried, finds FlowGuard where its own image has it, and its pages are beside FlowGuard's", () => {
  const astro = readFileSync(join(root, 'engines/airflow/Dockerfile'), 'utf8')
  const [, tried] = /^(\d+\.\d+)\./.exec(VERSIONS.airflow) ?? []
  assert.match(astro, new RegExp(`^FROM \\S+/runtime:${RegExp.escape(tried ?? '')}-\\d+$`, 'm'))
  const folder = /^WORKDIR (\S+)$/m.exec(dockerfile)?.[1]
  assert(astro.includes(`COPY --from=flowguard:latest ${folder} /opt/flowguard`))
  const program = /FLOWGUARD_COMMAND="node \/opt\/flowguard\/(\S+)"/.exec(astro)?.[1] ?? ''
  assert(existsSync(join(root, program)), program)
  const config = parse(readFileSync(join(root, 'engines/airflow/.astro/config.yaml'), 'utf8')) as Record<string, { port?: string }>
  const port = config['api-server']?.port
  assert.equal(port, config['webserver']?.port)
  assert(!services.some(([, { ports = [] }]) => ports.some((each) => each.includes(`:${port}:`))), `${port} is nobody else's`)
})

test('the image is of this Node and this Kafka driver, and does not run as root', () => {
  assert.match(dockerfile, new RegExp(`^FROM node:${NODE_MAJOR}-bookworm-slim AS base$`, 'm'))
  const drivers = dockerfile.match(new RegExp(`${DRIVER}@[\\d.]+`, 'g')) ?? []
  assert.deepEqual(new Set(drivers), new Set([`${DRIVER}@${VERSIONS.kafkaDriver}`]))
  for (const library of LIBRARIES) assert(dockerfile.includes(library), `${library} is there to compile with`)
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
  assert.match(last, /^USER node$/m)
})
