import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { LaneTables, Shares } from './tables.ts'

/** A worker that has not said anything for so long is taken for dead, and others share what it held. */
export const LEASE_MS = 3_000
const RENEW_MS = 1_000

interface LeaseOptions {
  store: Pick<LaneTables, 'share' | 'leave'>
  /** The worker: no two that live bear one name. */
  owner: string
  partitions: number
  clock: Clock
  logger: Logger
}

/**
 * Shares the partitions among the workers that live, as evenly as can be, by a table that all of them write. A lease only says who should read: that two
 * never work one stretch off is held by the place, which moves only from where it stood.
 */
export function leasesOf({ store, owner, partitions, clock, logger }: LeaseOptions) {
  let held: ReadonlySet<number> = new Set()
  let heldUntil = 0

  async function renew() {
    // From before the store is asked: it counts from later on, by a clock that may be another, so that nobody is given it sooner.
    const until = clock() + LEASE_MS
    const next = await store.share(owner, LEASE_MS, (shares) => divided(owner, partitions, shares))
    const came = next.filter((partition) => !held.has(partition))
    const went = [...held].filter((partition) => !next.includes(partition))
    if (came.length + went.length > 0) logger.info({ worker: owner, came, went, holds: next }, 'partitions')
    held = new Set(next)
    heldUntil = until
  }

  const keep: Part = async (signal) => {
    while (!signal.aborted) {
      await unlessPassing('the leases cannot be renewed; trying again', renew)
      await pause(RENEW_MS, signal)
    }
  }

  async function unlessPassing(what: string, work: () => Promise<void>) {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof FlowGuardError && error.retriable)) throw error
      logger.warn({ worker: owner, err: error }, what)
    }
  }

  return {
    keep,
    renew,
    isMine: (partition: number) => held.has(partition) && clock() < heldUntil,
    /** At the end: others need not wait for the leases to lapse. Where the store cannot be reached they must. */
    async release() {
      held = new Set()
      await unlessPassing('the leases are left to lapse', async () => store.leave(owner))
    },
  }
}

/** The partitions of one worker: its share by its rank among those that live, of what it holds already and what nobody does. */
function divided(owner: string, partitions: number, { now, owners, leases }: Shares): number[] {
  const rest = owners.indexOf(owner) < partitions % owners.length ? 1 : 0
  const share = Math.floor(partitions / owners.length) + rest
  const mine = leases.filter((each) => each.owner === owner).map(({ partition }) => partition)
  const taken = new Set(leases.filter((each) => each.owner !== owner && each.until > now).map(({ partition }) => partition))
  const free = Array.from({ length: partitions }, (_, partition) => partition).filter((each) => !taken.has(each) && !mine.includes(each))
  return [...mine.slice(0, share), ...free.slice(0, Math.max(0, share - mine.length))]
}
