import { scriptOf } from '../../kernel/redis.ts'
import { copyKeys } from '../../kernel/redis-copy.ts'

export function counterKeys(prefix: string) {
  const root = `${prefix}counters:`
  return {
    ...copyKeys(root),
    of: (epoch: string) => ({
      asOf: `${root}${epoch}:as-of`,
      /** Those on which something was charged, in their order. */
      days: `${root}${epoch}:days`,
      /** A hash a set. */
      set: (set: string) => `${root}${epoch}:set:${set}`,
    }),
  }
}

export type CounterKeys = ReturnType<typeof counterKeys>

/** Where a set's charges are, its day is among the days. */
export const dayOfCharges = (set: string) => (set.startsWith('charges:') ? set.slice('charges:'.length) : undefined)

/**
 * KEYS: epoch, place, as-of, days, the sets. ARGV: the epoch, from, to, as of ('' as it is), how many days, the days, then for each counter its set's number,
 * field, and what it grows by. What cannot be added makes all of it worthless: then there is no epoch any more, and it is filled anew. A Redis that is full refuses
 * the first write of a script, so that this changes nothing: after it none is refused for that.
 */
export const APPLY = scriptOf(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
local days = tonumber(ARGV[5])
for at = 6, 5 + days do redis.call('ZADD', KEYS[4], 0, ARGV[at]) end
for at = 6 + days, #ARGV, 3 do
  local grown = redis.pcall('HINCRBY', KEYS[4 + tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2])
  if type(grown) == 'table' and grown.err then
    redis.call('DEL', KEYS[1])
    return redis.error_reply('ERR counters are given up: ' .. grown.err)
  end
end
redis.call('SET', KEYS[2], ARGV[3])
if ARGV[4] ~= '' then redis.call('SET', KEYS[3], ARGV[4]) end
return 1
`)
