import { createHash } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import { maskedAddress } from './addresses.ts'
import { FlowGuardError, type ErrorCode } from './errors.ts'

export type { Redis } from 'ioredis'

/** Before the names of all keys. */
export const REDIS_PREFIX = 'flowguard:'
const CONNECT_MS_MAX = 5_000
/** Whoever has not answered by then is out of reach: a network that swallows everything says nothing. */
export const ANSWER_MS_MAX = 10_000
const RECONNECT_MS = 50
const RECONNECT_MS_MAX = 1_000

const ONCE = {
  lazyConnect: true,
  connectTimeout: CONNECT_MS_MAX,
  // Nothing waits in memory for a server that may never come, and nothing is sent twice without anybody knowing: whoever asked is told, and asks again.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  disableClientInfo: true,
  retryStrategy: null,
} satisfies RedisOptions

/** A connection that comes back by itself. Throws `log_unavailable` where there is no server now, `settings_invalid` where it does not let us in. */
export function openRedis(url: string, scripts: readonly Script[] = []): Promise<Redis> {
  return connected(lastingRedis(url, scripts), url)
}

/** The same for whoever can do without: it may never come. Commands fail as long as it is not there; `tried` resolves once the first attempt has ended. */
export function awaitRedis(url: string, scripts: readonly Script[] = []): { redis: Redis; tried: Promise<void> } {
  const redis = lastingRedis(url, scripts)
  // Every command says so itself.
  redis.on('error', () => undefined)
  return { redis, tried: redis.connect().catch(() => undefined) }
}

function lastingRedis(url: string, scripts: readonly Script[]): Redis {
  const redis = new Redis(url, {
    ...ONCE,
    commandTimeout: ANSWER_MS_MAX,
    retryStrategy: (times: number) => Math.min(RECONNECT_MS * times, RECONNECT_MS_MAX),
  })
  // Before anything that others send: a server that was started again knows no scripts.
  redis.on('ready', () => {
    for (const { lua } of scripts) redis.call('SCRIPT', 'LOAD', lua).catch(() => undefined)
  })
  return redis
}

/** A connection that is gone once it is lost: for what blocks it. */
export function openRedisOnce(url: string): Promise<Redis> {
  return connected(new Redis(url, ONCE), url)
}

async function connected(redis: Redis, url: string): Promise<Redis> {
  let cause: unknown
  // Every command says so itself; only why the first connection failed is told nowhere else.
  redis.on('error', (error) => (cause = error))
  try {
    await redis.connect()
    return redis
  } catch (error) {
    redis.disconnect()
    throw redisError(url, cause ?? error)
  }
}

const ANSWERS: readonly [RegExp, ErrorCode][] = [
  [/^OOM /, 'memory_full'],
  [/^MISCONF |No space left/, 'disk_full'],
  [/^(WRONGPASS|NOAUTH|NOPERM) |invalid DB index|DB index is out of range|invalid password/i, 'settings_invalid'],
  [/^REPLACED/, 'log_replaced'],
  [/^CORRUPT/, 'store_corrupt'],
]

/** What went wrong with the server at `url`, as the operator can act on it: `otherwise` where it does not say more than that it cannot. */
export function redisError(url: string, error: unknown, otherwise: ErrorCode = 'log_unavailable'): FlowGuardError {
  if (error instanceof FlowGuardError) return error
  const { message } = error as Error
  const code = ANSWERS.find(([pattern]) => pattern.test(message))?.[1] ?? otherwise
  return new FlowGuardError(code, `${maskedAddress(url)}: ${message || String(error)}`, error)
}

/** Works of themselves: all that one does is done, or nothing, and nobody comes between. */
export interface Script {
  lua: string
  sha: string
}

export function scriptOf(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

type Argument = string | number | Buffer

/** What a script answers. Its errors are as Redis gives them: `redisError` reads them. */
export async function runScript(
  redis: Redis,
  { lua, sha }: Script,
  keys: readonly string[],
  values: readonly Argument[],
): Promise<unknown> {
  const rest: Argument[] = [keys.length, ...keys]
  for (const value of values) rest.push(value)
  try {
    return await redis.callBuffer('EVALSHA', [sha, ...rest])
  } catch (error) {
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
    return redis.callBuffer('EVAL', [lua, ...rest])
  }
}
