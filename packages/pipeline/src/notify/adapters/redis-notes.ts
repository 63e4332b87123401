import { NOTES_MAX } from '@flowguard/contract'
import { scriptOf } from '../../kernel/redis.ts'
import { copyKeys, openRedisCopy, redisCopyView, type RedisCopy } from '../../kernel/redis-copy.ts'
import { noteOf, type NotesView } from '../customers/notes.ts'
import type { NotesFilling, NotesStore } from '../customers/store.ts'
import { NOTES_KEPT_MS, type NoteRow } from '../customers/table.ts'

function notesKeys(prefix: string) {
  const root = `${prefix}notes:`
  return {
    ...copyKeys(root),
    /** A sorted set a user, by event time; what is of one instant lies in the order of its bytes. */
    user: (epoch: string, userId: string) => `${root}${epoch}:user:${userId}`,
  }
}

type NotesKeys = ReturnType<typeof notesKeys>

/**
 * KEYS: epoch, place, a user's set for each row. ARGV: the epoch, from, to, how many ms a set outlives its last note, then time and body of each row. Written of
 * itself, so that a Redis that is full refuses the first write, and with it all.
 */
const APPLY = scriptOf(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
for at = 3, #KEYS do
  redis.call('ZADD', KEYS[at], ARGV[at * 2 - 1], ARGV[at * 2])
  redis.call('ZREMRANGEBYRANK', KEYS[at], 0, -${NOTES_MAX + 1})
  redis.call('PEXPIRE', KEYS[at], ARGV[4])
end
redis.call('SET', KEYS[2], ARGV[3])
return 1
`)

/** Notes on a Redis that may be out of reach for a while. */
export function openRedisNotes({ url, prefix }: { url: string; prefix: string }): NotesStore {
  const keys = notesKeys(prefix)
  const copy = openRedisCopy(url, keys, APPLY)
  return {
    standing: copy.standing,
    apply({ epoch, place, to, rows }) {
      const names = [keys.epoch, keys.place(epoch), ...rows.map(({ userId }) => keys.user(epoch, userId))]
      return copy.apply(names, [epoch, place, to, NOTES_KEPT_MS, ...rows.flatMap(({ ts, body }) => [ts, body])])
    },
    async fill(epoch) {
      await copy.begin(epoch)
      return fillingOf(copy, keys, epoch)
    },
    [Symbol.asyncDispose]: copy[Symbol.asyncDispose],
  }
}

function fillingOf({ redis, asked, finish }: RedisCopy, keys: NotesKeys, epoch: string): NotesFilling {
  return {
    put: (rows: readonly NoteRow[]) =>
      asked(async () => {
        const work = rows.flatMap(({ userId, ts, body }) => {
          const set = keys.user(epoch, userId)
          return [redis.zadd(set, ts, body), redis.zremrangebyrank(set, 0, -(NOTES_MAX + 1)), redis.pexpire(set, NOTES_KEPT_MS)]
        })
        await Promise.all(work)
      }),
    finish: (filled) => finish(epoch, filled),
  }
}

/** The notes as Redis has them. Rejects with `counters_unavailable` while there are none. */
export function redisNotesView({ url, prefix }: { url: string; prefix: string }): NotesView & Disposable {
  const keys = notesKeys(prefix)
  const view = redisCopyView(url, keys, "the customers' notifications are being filled anew")
  return {
    notes: (userId, notedSince) =>
      view.ofOneEpoch(async (epoch) => {
        const bodies = await view.redis.zrevrange(keys.user(epoch, userId), 0, NOTES_MAX - 1)
        return bodies.map((body) => noteOf(userId, body)).filter(({ notedAt }) => notedAt >= notedSince)
      }),
    [Symbol.dispose]: view[Symbol.dispose],
  }
}
