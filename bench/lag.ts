import { join } from 'node:path'
import { ATTRIBUTED, RAW_TOPICS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { openReadOnly } from '../packages/pipeline/src/kernel/sqlite.ts'
import { openSqliteLogReader } from '../packages/pipeline/src/log/adapters/sqlite.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'
import { standingsIn } from '../packages/pipeline/src/reader/places.ts'

export interface Standing {
  /** Records read, heartbeats among them. */
  read: number
  heartbeats: number
  /** Records that are there and not yet read. */
  lag: number
}

/** How far the readers are, by looking into the stores beside the processes that own them. */
export interface Watch extends AsyncDisposable {
  standing(reader: string): Promise<Standing>
  /** Orders that the log does not have yet. */
  outbox(): number
}

const READ_BY: Readonly<Record<string, readonly Topic[]>> = { 'billing-orders': [ATTRIBUTED], loader: [...RAW_TOPICS, ATTRIBUTED] }

export function openWatch(dataDir: string): Watch {
  const topics = readTopics(join(ROOT, 'config/kafka/topics.yaml'))
  const raw = openSqliteLogReader({ path: join(dataDir, 'raw-log.db'), topics, clock: Date.now })
  const derived = openSqliteLogReader({ path: join(dataDir, 'pipeline.db'), topics, clock: Date.now })
  const pipeline = openReadOnly(join(dataDir, 'pipeline.db'))
  const edge = openReadOnly(join(dataDir, 'edge.db'))
  const endsOf = async (topic: Topic) => (await (topic === ATTRIBUTED ? derived : raw).ends(topic)).map((each) => ({ topic, ...each }))
  const count = edge.prepare('select total(orders) as count from outbox')
  return {
    async standing(reader) {
      const read: readonly Topic[] = READ_BY[reader] ?? TIMED_TOPICS
      // The places first: what is appended meanwhile is lag, and never less than none.
      const places = standingsIn(pipeline).filter((each) => each.reader === reader)
      const ends = (await Promise.all(read.map(endsOf))).flat()
      const nextOf = (topic: Topic, partition: number) =>
        places.find((each) => each.topic === topic && each.partition === partition)?.next ?? 0
      return {
        read: places.reduce((sum, each) => sum + each.read, 0),
        heartbeats: places.reduce((sum, each) => sum + each.heartbeats, 0),
        lag: ends.reduce((sum, { topic, partition, end }) => sum + end - nextOf(topic, partition), 0),
      }
    },
    outbox: () => (count.get() as { count: number }).count,
    async [Symbol.asyncDispose]() {
      await raw[Symbol.asyncDispose]()
      await derived[Symbol.asyncDispose]()
      pipeline.close()
      edge.close()
    },
  }
}
