import type { DeadLetter } from '@flowguard/contract'
import { lettersIn, originOf, statesIn, type DeadFilter } from './dead.ts'
import type { Stores } from './stores.ts'

/** Records of one round: their bytes are held in memory. */
export const ROUND_COUNT_MAX = 200

export interface RoundAsked {
  /** The `at` of the last record that was gone through; from the beginning where it is not given. */
  after: string | undefined
  /** Records. */
  limit: number
}

/** A record, with everything that its letters say. */
export interface RoundRecord {
  ids: string[]
  letter: DeadLetter
  /** Where its first letter lies, `partition:offset`: the next round goes on after it. */
  at: string
}

export interface Round {
  records: RoundRecord[]
  /** Letters that fit and have yet to be gone through, without those of this round. */
  left: number
}

/**
 * The next waiting letters that fit, with their bytes: at most a round of them, each record once whoever buried it. What was gone through and still waits,
 * because it could not be sent, does not come again.
 */
export async function deadRound(stores: Stores, filter: DeadFilter, { after, limit }: RoundAsked): Promise<Round> {
  const [afterPartition = -1, afterOffset = 0] = after?.split(':').map(Number) ?? []
  const passed = new Set<string>()
  const round = new Map<string, RoundRecord>()
  let left = 0
  for await (const { letter, partition, offset } of lettersIn(stores.pipeline?.log, { ...filter, state: 'waiting' }, statesIn(stores))) {
    const origin = originOf(letter)
    const known = round.get(origin)
    if (known) known.ids.push(letter.dead_id)
    else if (partition < afterPartition || (partition === afterPartition && offset >= afterOffset)) passed.add(origin)
    else if (passed.has(origin)) continue
    else if (round.size < limit) round.set(origin, { ids: [letter.dead_id], letter, at: `${partition}:${offset}` })
    else left += 1
  }
  return { records: [...round.values()], left }
}
