import type { CopyStanding } from './copies.ts'
import { FlowGuardError } from './errors.ts'
import { awaitRedis, redisError, runScript, scriptOf, type Redis, type Script } from './redis.ts'

const SCAN_COUNT = 1_000
const SWITCHES_MAX = 5
const FILLING = 'filling'

/** The names of what a copy lies under. What is of one epoch is seen by nobody until `epoch` names it. */
export function copyKeys(root: string) {
  return {
    root,
    epoch: `${root}epoch`,
    /** The row up to which it was told. */
    place: (epoch: string) => `${root}${epoch}:place`,
  }
}

type CopyKeys = ReturnType<typeof copyKeys>

/**
 * KEYS: epoch, the new one's place, what is set with it. ARGV: the epoch before ('' none), the new one, its place, what the rest is set to. Without its place, which
 * was written first, some of it was lost.
 */
const FINISH = scriptOf(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if redis.call('GET', KEYS[2]) ~= '${FILLING}' then return 0 end
redis.call('SET', KEYS[2], ARGV[3])
for at = 3, #KEYS do redis.call('SET', KEYS[at], ARGV[at + 1]) end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

/** KEYS: epoch, what is to go. ARGV: the epoch that stays. */
const REMOVE = scriptOf(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for at = 2, #KEYS do redis.call('UNLINK', KEYS[at]) end
return #KEYS - 1
`)

/** A copy on a Redis that may be out of reach for a while: then all reject with `counters_unavailable`. The script `apply` adds to it. */
export function openRedisCopy(url: string, keys: CopyKeys, apply: Script) {
  const { redis, tried } = awaitRedis(url, [apply, FINISH, REMOVE])

  async function asked<T>(work: () => Promise<T>): Promise<T> {
    await tried
    try {
      return await work()
    } catch (error) {
      throw redisError(url, error, 'counters_unavailable')
    }
  }

  return {
    redis,
    asked,
    /** Undefined where there is none, or only half. */
    standing: () =>
      asked(async (): Promise<CopyStanding | undefined> => {
        const epoch = await redis.get(keys.epoch)
        const place = epoch === null ? null : await redis.get(keys.place(epoch))
        return epoch === null || place === null ? undefined : { epoch, place: Number(place) }
      }),
    /** False where the script did nothing. */
    apply: (names: readonly string[], values: readonly (string | number)[]) =>
      asked(async () => (await runScript(redis, apply, names, values)) === 1),
    begin: (epoch: string) => asked(() => redis.set(keys.place(epoch), FILLING)),
    /** Puts it in the place of what `before` names, or nothing: false where that is no longer what there is, or where some of it was lost. */
    finish: (
      epoch: string,
      { before = '', place }: { before: string | undefined; place: number },
      rest: Readonly<Record<string, string>> = {},
    ) =>
      asked(async () => {
        const names = [keys.epoch, keys.place(epoch), ...Object.keys(rest)]
        const finished = await runScript(redis, FINISH, names, [before, epoch, place, ...Object.values(rest)])
        // Those before, and whatever was begun and left.
        await removeOthers(redis, keys)
        return finished === 1
      }),
    async [Symbol.asyncDispose]() {
      redis.disconnect()
    },
  }
}

export type RedisCopy = ReturnType<typeof openRedisCopy>

async function removeOthers(redis: Redis, keys: CopyKeys): Promise<void> {
  const current = (await redis.get(keys.epoch)) ?? ''
  const kept = `${keys.root}${current}:`
  for await (const found of namesFrom(redis, keys.root)) {
    const others = found.filter((name) => name !== keys.epoch && !name.startsWith(kept))
    // Only while that epoch is the one that holds: another may have been finished since, and these be its own.
    if (others.length > 0) await runScript(redis, REMOVE, [keys.epoch, ...others], [current])
  }
}

/** The keys that begin so, some at a time; one may come twice. */
export async function* namesFrom(redis: Redis, beginning: string): AsyncGenerator<readonly string[]> {
  const pattern = `${beginning.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*`
  for (let cursor = '0'; ;) {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)
    yield found
    if (next === '0') return
    cursor = next
  }
}

/** The copy as it is read. `whenNone` says what is done about there being none. */
export function redisCopyView(url: string, keys: CopyKeys, whenNone: string) {
  const { redis, tried } = awaitRedis(url)
  return {
    redis,
    /** All of one epoch: one that was replaced meanwhile may have been removed while it was read. Rejects with `counters_unavailable` while there is none. */
    ofOneEpoch: async <T>(work: (epoch: string) => Promise<T>): Promise<T> => {
      await tried
      try {
        for (let tries = 0; tries < SWITCHES_MAX; tries += 1) {
          const epoch = await redis.get(keys.epoch)
          if (epoch === null) break
          const answer = await work(epoch)
          if ((await redis.get(keys.epoch)) === epoch) return answer
        }
      } catch (error) {
        throw redisError(url, error, 'counters_unavailable')
      }
      throw new FlowGuardError('counters_unavailable', `${keys.epoch}: ${whenNone}`)
    },
    [Symbol.dispose]: () => redis.disconnect(),
  }
}
