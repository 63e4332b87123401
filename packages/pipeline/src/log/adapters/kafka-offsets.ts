import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import type { PartitionEnds } from '../event-log.ts'
import { kafkaLeaders } from './kafka-leaders.ts'
import { deleteBefore, offsetsAt, type FoundOffset } from './kafka-requests.ts'

/** What stands for a time in a question for offsets. */
const LATEST = -1
const EARLIEST = -2
/** Of the record with the highest time. */
const NEWEST = -3

export interface Bounds {
  start: number
  end: number
}

export type Offsets = ReturnType<typeof kafkaOffsets>

/** Where partitions begin and end, for those who read what is committed: behind the last stable offset nobody is served. */
export function kafkaOffsets(address: KafkaAddress) {
  const leaders = kafkaLeaders(address)

  async function look(topic: Topic, partitions: readonly number[], time: number, isCommitted = true): Promise<Map<number, FoundOffset>> {
    const name = address.prefix + topic
    const found = await leaders.ask(name, partitions, (wire, own) => offsetsAt(wire, name, own, { time, isCommitted }))
    return new Map(found.map((each) => [each.partition, each]))
  }

  return {
    async bounds(topic: Topic, partitions: readonly number[]): Promise<Map<number, Bounds>> {
      const [starts, ends] = await Promise.all([look(topic, partitions, EARLIEST), look(topic, partitions, LATEST)])
      return new Map(
        partitions.map((partition) => {
          const start = starts.get(partition)?.offset ?? 0
          return [partition, { start, end: Math.max(start, ends.get(partition)?.offset ?? 0) }]
        }),
      )
    },
    async ends(topic: Topic, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
      const found = await look(topic, partitions, LATEST)
      return new Map([...found].map(([partition, { offset }]) => [partition, offset]))
    },
    /** The ends with what transactions have written that are yet to be committed, or never will be. */
    async written(topic: Topic, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
      const found = await look(topic, partitions, LATEST, false)
      return new Map([...found].map(([partition, { offset }]) => [partition, offset]))
    },
    /** Of the first record appended at `ms` or later; undefined where there is none. */
    async since(topic: Topic, partition: number, ms: number): Promise<number | undefined> {
      const offset = (await look(topic, [partition], Math.max(0, ms))).get(partition)?.offset ?? -1
      return offset < 0 ? undefined : offset
    },
    /** When the oldest and the newest record of each partition was appended; none where there are none. */
    async times(topic: Topic, partitions: readonly number[]): Promise<ReadonlyMap<number, { oldestMs: number; newestMs: number }>> {
      const [oldest, newest] = await Promise.all([look(topic, partitions, 0), look(topic, partitions, NEWEST)])
      return new Map(
        partitions.flatMap((partition) => {
          const first = oldest.get(partition)
          if (!first || first.offset < 0) return []
          return [[partition, { oldestMs: first.timestamp, newestMs: newest.get(partition)?.timestamp ?? first.timestamp }] as const]
        }),
      )
    },
    /** Deletes what lies before these offsets. */
    async deleteBefore(topic: Topic, before: ReadonlyMap<number, number>): Promise<void> {
      const name = address.prefix + topic
      await leaders.ask(name, [...before.keys()], async (wire, own) => {
        await deleteBefore(wire, name, new Map(own.map((partition) => [partition, before.get(partition) as number])))
        return []
      })
    },
    [Symbol.dispose]: () => leaders[Symbol.dispose](),
  }
}

export async function allBounds(offsets: Offsets, topic: Topic, partitions: number): Promise<PartitionEnds[]> {
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  const bounds = await offsets.bounds(topic, numbers)
  return numbers.map((partition) => ({ partition, ...(bounds.get(partition) as Bounds) }))
}
