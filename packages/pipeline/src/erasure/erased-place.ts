import { partitionOf } from '../kernel/partition.ts'
import { isPseudonym } from './erased-list.ts'

/** The partition in which a user's records lie; undefined of who was erased, for what they did before lies where their own id had led it, and may lie anywhere. */
export function onlyPartitionOf(userId: string, partitions: number): number | undefined {
  return isPseudonym(userId) ? undefined : partitionOf(userId, partitions)
}

/** The partitions in which they are to be looked for. */
export function partitionsOf(userId: string, partitions: number): readonly number[] {
  const only = onlyPartitionOf(userId, partitions)
  return only === undefined ? Array.from({ length: partitions }, (_, partition) => partition) : [only]
}
