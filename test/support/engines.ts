/** The real engines that `npm run test:engines` started, for tests named `*.engines.test.ts`. Where one is missing the test fails: none is skipped. */

/** Those with `-proxy` go by way of Toxiproxy. */
const ADDRESSES = {
  kafka: 'FLOWGUARD_TEST_KAFKA',
  'kafka-data': 'FLOWGUARD_TEST_KAFKA_DATA',
  postgres: 'FLOWGUARD_TEST_POSTGRES',
  redis: 'FLOWGUARD_TEST_REDIS',
  s3: 'FLOWGUARD_TEST_S3',
  prometheus: 'FLOWGUARD_TEST_PROMETHEUS',
  'flink-sql': 'FLOWGUARD_TEST_FLINK_SQL',
  'flink-jobs': 'FLOWGUARD_TEST_FLINK_JOBS',
  snowflake: 'FLOWGUARD_TEST_SNOWFLAKE',
  toxiproxy: 'FLOWGUARD_TEST_TOXIPROXY',
  'kafka-proxy': 'FLOWGUARD_TEST_KAFKA_PROXY',
  'postgres-proxy': 'FLOWGUARD_TEST_POSTGRES_PROXY',
  'redis-proxy': 'FLOWGUARD_TEST_REDIS_PROXY',
  's3-proxy': 'FLOWGUARD_TEST_S3_PROXY',
  'snowflake-proxy': 'FLOWGUARD_TEST_SNOWFLAKE_PROXY',
} as const

export type EngineAddress = keyof typeof ADDRESSES

/** `kafka`: host:port, three of them with commas; `kafka-data`: the brokers' folders, with commas; `postgres`: postgres://…/postgres; `redis`: redis://host:port; `snowflake`: a WAREHOUSE_URL; the others http://host:port. */
export function engineAddress(name: EngineAddress): string {
  return needed(ADDRESSES[name])
}

/** SPARK_HOME */
export const sparkHome = (): string => needed('FLOWGUARD_TEST_SPARK')

export function s3Keys(): { access: string; secret: string } {
  return { access: needed('FLOWGUARD_TEST_S3_KEY'), secret: needed('FLOWGUARD_TEST_S3_SECRET') }
}

function needed(variable: string): string {
  const value = process.env[variable]
  if (!value) throw new Error(`${variable} is not set: this test needs the real engines; run it with npm run test:engines`)
  return value
}

export type EngineServer =
  | 'kafka-1'
  | 'kafka-2'
  | 'kafka-3'
  | 'postgres'
  | 'redis'
  | 's3'
  | 'prometheus'
  | 'snowflake'
  | 'toxiproxy'
  | FlinkServer
export type FlinkServer = 'flink-jobmanager' | 'flink-taskmanager' | 'flink-gateway'

/** One process of an engine. A test that kills or stops one starts it again before it ends, whatever comes of it. */
export const engine = (name: EngineServer) => ({
  /** SIGKILL; resolves when it is gone. */
  kill: () => control(name, 'kill'),
  /** Resolves when it has ended in order. */
  stop: () => control(name, 'stop'),
  /** Resolves when it answers; at once where it runs. */
  start: () => control(name, 'start'),
  async pid(): Promise<number | null> {
    const response = await fetch(needed('FLOWGUARD_TEST_ENGINES'))
    const servers = (await response.json()) as { name: string; pid: number | null }[]
    return servers.find((each) => each.name === name)?.pid ?? null
  },
})

async function control(name: EngineServer, action: 'start' | 'stop' | 'kill'): Promise<void> {
  const response = await fetch(`${needed('FLOWGUARD_TEST_ENGINES')}/${name}/${action}`, { method: 'POST' })
  if (!response.ok) throw new Error(`${name} could not ${action}: ${await response.text()}`)
}

/** The way to an engine by Toxiproxy: of all who came by its `-proxy` address. */
export const network = (name: Exclude<EngineServer, 'prometheus' | 'toxiproxy' | FlinkServer>) => {
  const proxy = `${engineAddress('toxiproxy')}/proxies/${name}`
  const toxic = { name: 'reset', type: 'reset_peer', stream: 'downstream', toxicity: 1, attributes: { timeout: 0 } }
  return {
    /** Connections are closed, and new ones refused, until it is mended. */
    cut: () => ask(proxy, { enabled: false }),
    /** Connections are reset (RST) once something is sent on them, until it is mended. */
    reset: () => ask(`${proxy}/toxics`, toxic),
    /** As it was at the beginning. Mends every way there is. */
    mend: () => ask(`${engineAddress('toxiproxy')}/reset`, {}),
  }
}

async function ask(url: string, body: object): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
}
