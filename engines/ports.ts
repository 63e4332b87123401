import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Where the engines of a person are: none is the engine's own usual port, so that they may run beside others. */
export const DEFAULT_PORTS = {
  'kafka-1': 19_092,
  'kafka-2': 19_093,
  'kafka-3': 19_094,
  'kafka-1-controller': 29_092,
  'kafka-2-controller': 29_093,
  'kafka-3-controller': 29_094,
  // A broker names its address to its clients: those who come through a proxy are told the proxy's, by a listener of its own.
  'kafka-1-behind': 21_092,
  'kafka-2-behind': 21_093,
  'kafka-3-behind': 21_094,
  'kafka-1-proxy': 23_092,
  'kafka-2-proxy': 23_093,
  'kafka-3-proxy': 23_094,
  postgres: 15_432,
  'postgres-proxy': 25_432,
  redis: 16_379,
  'redis-proxy': 26_379,
  s3: 17_070,
  's3-proxy': 27_070,
  prometheus: 9_090,
  snowflake: 18_085,
  'snowflake-proxy': 28_085,
  'flink-jobs': 18_081,
  'flink-sql': 18_083,
  'flink-rpc': 16_123,
  'flink-blobs': 16_124,
  'flink-tasks': 16_125,
  toxiproxy: 18_474,
} as const

export type PortName = keyof typeof DEFAULT_PORTS
export type Ports = Readonly<Record<PortName, number>>

/**
 * Below what systems give to outgoing connections: a client that tries a killed server's port again and again would some day be given that very port, be
 * connected with itself, and keep the server from coming back.
 */
const FREE_MIN = 10_000
const FREE_MAX = 32_000
const TRIES_MAX = 1_000

/** One free port for each name. All are held until the last is found, so that none is given twice. */
export async function freePorts(random: () => number = Math.random): Promise<Ports> {
  const held: Server[] = []
  const ports: Partial<Record<PortName, number>> = {}
  const names = Object.keys(DEFAULT_PORTS) as PortName[]
  for (let tries = 0; held.length < names.length && tries < TRIES_MAX; tries += 1) {
    const port = FREE_MIN + Math.floor(random() * (FREE_MAX - FREE_MIN))
    const server = await listening(port)
    if (server === undefined) continue
    ports[names[held.length] as PortName] = port
    held.push(server)
  }
  await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))))
  if (held.length < names.length) throw new Error(`no ${names.length} free ports were found in ${TRIES_MAX} tries`)
  return ports as Ports
}

/** A server that holds the port, or undefined where somebody else does. */
export async function listening(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
    return server
  } catch {
    return undefined
  }
}
