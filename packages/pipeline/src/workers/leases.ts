import type { DatabaseSync } from 'node:sqlite'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'

/** A worker that has not said anything for so long is taken for dead, and others share what it held. */
export const LEASE_MS = 3_000
const RENEW_MS = 1_000

interface LeaseOptions {
  db: DatabaseSync
  path: string
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
export function leasesOf({ db, path, owner, partitions, clock, logger }: LeaseOptions) {
  const live = db.prepare('insert into lane_workers values (?1, ?2) on conflict (owner) do update set until_ms = ?2')
  const bury = db.prepare('delete from lane_workers where until_ms <= ?')
  const owners = db.prepare('select owner from lane_workers order by owner')
  const leases = db.prepare('select log_partition as partition, owner, until_ms as until from lane_leases')
  const take = db.prepare('insert into lane_leases values (?1, ?2, ?3) on conflict (log_partition) do update set owner = ?2, until_ms = ?3')
  const leave = db.prepare('delete from lane_leases where log_partition = ? and owner = ?')
  const die = db.prepare('delete from lane_workers where owner = ?')
  let held: ReadonlySet<number> = new Set()
  let heldUntil = 0

  /** How many partitions are this worker's share, by its rank among those that live. */
  function shareNow(now: number): number {
    live.run(owner, now + LEASE_MS)
    bury.run(now)
    const names = (owners.all() as { owner: string }[]).map((each) => each.owner)
    const rest = names.indexOf(owner) < partitions % names.length ? 1 : 0
    return Math.floor(partitions / names.length) + rest
  }

  function renew() {
    const now = clock()
    const next = guarded(path, () =>
      transaction(db, () => {
        const share = shareNow(now)
        const rows = leases.all() as unknown as { partition: number; owner: string; until: number }[]
        const mine = rows.filter((each) => each.owner === owner).map(({ partition }) => partition)
        const taken = new Set(rows.filter((each) => each.owner !== owner && each.until > now).map(({ partition }) => partition))
        const free = Array.from({ length: partitions }, (_, partition) => partition).filter(
          (each) => !taken.has(each) && !mine.includes(each),
        )
        for (const partition of mine.slice(share)) leave.run(partition, owner)
        const kept = [...mine.slice(0, share), ...free.slice(0, Math.max(0, share - mine.length))]
        for (const partition of kept) take.run(partition, owner, now + LEASE_MS)
        return kept
      }),
    )
    const came = next.filter((partition) => !held.has(partition))
    const went = [...held].filter((partition) => !next.includes(partition))
    if (came.length + went.length > 0) logger.info({ worker: owner, came, went, holds: next }, 'partitions')
    held = new Set(next)
    heldUntil = now + LEASE_MS
  }

  const keep: Part = async (signal) => {
    while (!signal.aborted) {
      try {
        renew()
      } catch (error) {
        if (!(error instanceof FlowGuardError && error.retriable)) throw error
        logger.warn({ worker: owner, err: error }, 'the leases cannot be renewed; trying again')
      }
      await pause(RENEW_MS, signal)
    }
  }

  return {
    keep,
    renew,
    isMine: (partition: number) => held.has(partition) && clock() < heldUntil,
    /** At the end: others need not wait for the leases to lapse. */
    release() {
      guarded(path, () =>
        transaction(db, () => {
          for (const partition of held) leave.run(partition, owner)
          die.run(owner)
        }),
      )
      held = new Set()
    },
  }
}
