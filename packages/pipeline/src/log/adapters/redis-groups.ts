import type { Redis } from '../../kernel/redis.ts'
import type { Place } from '../event-log.ts'
import { type LogKeys } from './redis-keys.ts'

const EVERY_MS = 1_000

/**
 * Readers as consumer groups, so that XINFO GROUPS and every tool that asks it show who reads and how far behind. Nothing goes by them: where a reader stands
 * is in the store that it writes to. `consumer` names this process's machine.
 */
export function groupsOf(redis: Redis, keys: LogKeys, consumer: string) {
  /** By stream and group, the latest only. */
  const noted = new Map<string, { stream: string; group: string; next: number }>()
  const made = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let telling: Promise<unknown> = Promise.resolve()

  async function tell(name: string, { stream, group, next }: { stream: string; group: string; next: number }): Promise<void> {
    if (!made.has(name)) {
      // There already, as a rule.
      await redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM').catch(() => undefined)
      await redis.call('XGROUP', 'CREATECONSUMER', stream, group, consumer)
      made.add(name)
    }
    await redis.call('XGROUP', 'SETID', stream, group, `${next}-0`, 'ENTRIESREAD', String(next))
  }

  function tellAll(): Promise<unknown> {
    clearTimeout(timer)
    timer = undefined
    const latest = [...noted]
    noted.clear()
    // A hint: where it fails, the next one says it anew.
    telling = Promise.all(latest.map(([name, each]) => tell(name, each).catch(() => made.delete(name))))
    return telling
  }

  return {
    noteRead(reader: string, places: readonly Place[]) {
      for (const { topic, partition, next } of places) {
        const stream = keys.stream(topic, partition)
        noted.set(`${stream} ${reader}`, { stream, group: reader, next })
      }
      timer ??= setTimeout(() => void tellAll(), EVERY_MS)
    },
    /** Tells what it has yet to. */
    async close() {
      await telling
      await tellAll()
    },
  }
}
