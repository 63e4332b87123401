import { maskedAddress } from '../../kernel/addresses.ts'
import type { Logger } from '../../kernel/logging.ts'
import type { Redis } from '../../kernel/redis.ts'

export const FLUSH_MS_MAX = 5_000

/** A setting by which accepted events may be lost. */
export interface Unsafe {
  /** How it is: `has appendonly no`. */
  what: string
  lost: string
  advice: string
}

/** How an append becomes durable on this server. */
export interface Durability {
  version: string
  /** Redis answers before it has flushed, and must be asked to say when it has. */
  needsWaitAof: boolean
  unsafe: readonly Unsafe[]
}

/** Looks at the settings that accepted events hang on, and warns of each that may lose some: what it is, and what is lost. */
export async function checkSettings(redis: Redis, url: string, logger: Logger): Promise<Durability> {
  const durability = await durabilityOf(redis)
  for (const { what, lost, advice } of durability.unsafe) {
    logger.warn({ redis: maskedAddress(url) }, `Redis ${what}: ${lost}. ${advice}`)
  }
  return durability
}

/** The same, to be told by whoever asks. */
export async function durabilityOf(redis: Redis): Promise<Durability> {
  const setting = async (name: string): Promise<string | undefined> =>
    ((await redis.call('CONFIG', 'GET', name).catch(() => [])) as string[])[1]
  const version = await versionOf(redis)
  const unsafe: Unsafe[] = []
  const policy = await setting('maxmemory-policy')
  if (policy?.startsWith('allkeys')) {
    unsafe.push({
      what: `has maxmemory-policy ${policy}`,
      lost: 'where memory is short it deletes accepted events without a word',
      advice: 'Set maxmemory-policy noeviction',
    })
  }
  const [isKept, flushes] = [await setting('appendonly'), await setting('appendfsync')]
  if (isKept === undefined || policy === undefined) {
    unsafe.push({
      what: 'does not let its settings be read (CONFIG GET)',
      lost: 'nobody here knows whether accepted events survive',
      advice: 'Make sure of appendonly yes, appendfsync always and maxmemory-policy noeviction yourself',
    })
  }
  const flushing = isKept === 'no' ? 'unkept' : flushes === 'always' ? 'always' : await askToFlush(redis)
  if (flushing === 'unkept') {
    unsafe.push({
      what: 'has appendonly no',
      lost: 'what was accepted since its last snapshot is lost whenever it ends',
      advice: 'Set appendonly yes and appendfsync always',
    })
  }
  if (flushing === 'unasked' && flushes !== undefined) {
    unsafe.push({
      what: `has appendfsync ${flushes}`,
      lost: `${flushes === 'no' ? 'whatever the system had yet to write' : 'up to two seconds of accepted events'} may be lost when its machine fails`,
      advice: 'Set appendfsync always, or use Redis 7.2, which can be asked',
    })
  }
  return { version, needsWaitAof: flushing === 'asked', unsafe }
}

async function versionOf(redis: Redis): Promise<string> {
  const info = (await redis.call('INFO', 'server')) as string
  return /redis_version:([\d.]+)/.exec(info)?.[1] ?? '0'
}

/**
 * Whether it says when it has flushed (since 7.2). Asked before anything is appended: where it keeps no file it would refuse to say so for each append, behind
 * what it had taken already.
 */
async function askToFlush(redis: Redis): Promise<'asked' | 'unasked' | 'unkept'> {
  try {
    await redis.call('WAITAOF', '1', '0', String(FLUSH_MS_MAX))
    return 'asked'
  } catch (error) {
    const { message } = error as Error
    if (message.includes('appendonly is disabled')) return 'unkept'
    if (/unknown command|^NOPERM /i.test(message)) return 'unasked'
    throw error
  }
}
