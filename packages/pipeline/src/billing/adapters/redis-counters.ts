import { namesFrom, openRedisCopy, type RedisCopy } from '../../kernel/redis-copy.ts'
import type { CounterStore, CounterSums, Dump, DumpedSet, Filling, Step } from '../counters.ts'
import { APPLY, counterKeys, dayOfCharges, type CounterKeys } from './redis-keys.ts'

/** Sets that are asked for together. */
const DUMPED_COUNT = 50

/** Counters on a Redis that may be out of reach for a while. */
export function openRedisCounters({ url, prefix }: { url: string; prefix: string }): CounterStore {
  const keys = counterKeys(prefix)
  const copy = openRedisCopy(url, keys, APPLY)
  return {
    standing: copy.standing,
    apply: (step) => copy.apply(...applied(keys, step)),
    async fill(epoch) {
      await copy.begin(epoch)
      return fillingOf(copy, keys, epoch)
    },
    dump: () => copy.asked(() => dumpOf(copy, keys)),
    [Symbol.asyncDispose]: copy[Symbol.asyncDispose],
  }
}

/** Keys and values of the script. */
function applied(keys: CounterKeys, { epoch, place, to, sums, asOf }: Step): [string[], (string | number)[]] {
  const of = keys.of(epoch)
  const sets = [...sums.keys()]
  const days = sets.map(dayOfCharges).filter((day) => day !== undefined)
  const values: (string | number)[] = [epoch, place, to, asOf === undefined ? '' : JSON.stringify(asOf), days.length, ...days]
  sets.forEach((set, at) => {
    for (const [field, by] of sums.get(set) ?? []) if (by !== 0n) values.push(at + 1, field, String(by))
  })
  return [[keys.epoch, keys.place(epoch), of.asOf, of.days, ...sets.map(of.set)], values]
}

function fillingOf({ redis, asked, finish }: RedisCopy, keys: CounterKeys, epoch: string): Filling {
  const of = keys.of(epoch)
  return {
    put: (sums: CounterSums) =>
      asked(async () => {
        const work: Promise<unknown>[] = []
        for (const [set, fields] of sums) {
          const day = dayOfCharges(set)
          if (day !== undefined) work.push(redis.zadd(of.days, 0, day))
          const pairs: string[] = [of.set(set)]
          for (const [field, by] of fields) pairs.push(field, String(by))
          work.push(redis.call('HSET', pairs))
        }
        await Promise.all(work)
      }),
    finish: ({ asOf, ...filled }) => finish(epoch, filled, { [of.asOf]: JSON.stringify(asOf) }),
  }
}

async function dumpOf(copy: RedisCopy, keys: CounterKeys): Promise<Dump | undefined> {
  const standing = await copy.standing()
  if (!standing) return undefined
  const of = keys.of(standing.epoch)
  const before = of.set('')
  const names = new Set<string>()
  for await (const found of namesFrom(copy.redis, before)) for (const name of found) names.add(name.slice(before.length))
  const sets: DumpedSet[] = []
  const wanted = [...names]
  for (let at = 0; at < wanted.length; at += DUMPED_COUNT) {
    const some = wanted.slice(at, at + DUMPED_COUNT)
    // Each with the place that it is of.
    const answers = await Promise.all(
      some.map((set) => copy.redis.multi().get(keys.place(standing.epoch)).hgetall(of.set(set)).get(keys.epoch).exec()),
    )
    for (const [index, answer] of answers.entries()) {
      const [place, fields, epoch] = (answer ?? []).map(([, value]) => value) as [string, Record<string, string>, string]
      if (epoch !== standing.epoch) return undefined
      const counters = Object.entries(fields).map(([field, value]) => [field, BigInt(value)] as const)
      sets.push({ set: some[index] as string, place: Number(place), fields: new Map(counters) })
    }
  }
  return { ...standing, sets }
}
