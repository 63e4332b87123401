import { ATTRIBUTED, CLICKS, DEAD, GENERAL, ORDERS, RECON, TOPICS } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { storeError } from '../kernel/sqlite.ts'
import { attributedBooks } from './audit-attributed.ts'
import { adsBeganAt, billingChecks } from './audit-billing.ts'
import type { Check } from './audit-check.ts'
import { clickBooks } from './audit-clicks.ts'
import { counterBooks } from './audit-counters.ts'
import { deadBooks } from './audit-dead.ts'
import { laneChecks } from './audit-lane.ts'
import { orderBooks } from './audit-orders.ts'
import { importCheck, placeChecks } from './audit-places.ts'
import { reconBooks } from './audit-recon.ts'
import { totalsCheck } from './audit-totals.ts'
import { walkTopic, wholeCheck, type PartitionWalk } from './audit-walk.ts'
import { inSnapshot, standingsOf, type Looked, type Stores } from './stores.ts'
import { pendingIn } from '../stream/pending.ts'
import { FLINK_READER } from '../reader/readers.ts'
import { LANE_DEAD } from '../workers/dead-shipper.ts'
import { isRaw } from './topics.ts'

export interface Audit {
  /** Every check holds: not one event is unaccounted for. */
  balanced: boolean
  checks: Check[]
  /** What could not be looked at. */
  unchecked: string[]
  took_ms: number
}

/**
 * The books, while everything goes on: what was read against what became of it, what was accepted against the log, answers against orders, ledger
 * against counters. Long where the log is: not for the process that reads. Rejects with `store_missing` where there is no store at all.
 */
export async function audit(stores: Stores): Promise<Audit> {
  const startedAt = performance.now()
  const own = await looked(stores, () => inSnapshot(stores, checksOf))
  const { checks: told, unchecked } = await counterBooks(stores.compareCounters)
  const checks = [...own, ...told]
  return { balanced: checks.every(({ ok }) => ok), checks, unchecked, took_ms: Math.round(performance.now() - startedAt) }
}

/** Runs the work, and names the file that is damaged where one is: SQLite says of an error only that there is one. */
async function looked<T>(stores: Stores, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const failure = storeError(stores.dataDir, error)
    throw hasCode(failure, 'store_corrupt') ? storeError(stores.damaged() ?? stores.dataDir, error) : failure
  }
}

async function checksOf(at: Looked): Promise<Check[]> {
  const { edge, raw, events, pipeline, lane } = at
  if (!edge && !raw && !pipeline) throw new FlowGuardError('store_missing', `there are no stores in ${at.dataDir} yet`)
  const all = await standingsOf(at)
  // The workers' own dead letters lie in a log of the same topics, beside the pipeline's.
  const shippers = all.filter(({ reader }) => reader === LANE_DEAD)
  // Flink's rows lie in Kafka, and here once they are taken over.
  const importing = all.filter(({ reader }) => reader === FLINK_READER)
  const standings = all.filter((each) => !shippers.includes(each) && !importing.includes(each))
  const dead = deadBooks([...standings, ...importing])
  const attributed = attributedBooks(standings, dead, pipeline ? adsBeganAt(pipeline.db) : new Map())
  const recon = reconBooks(pipeline?.db, standings, dead)
  const walks: PartitionWalk[] = []
  if (pipeline) {
    // Dead letters first: the other books ask them.
    walks.push(...(await walkTopic(pipeline.log, DEAD, standings, dead.visit)))
    walks.push(...(await walkTopic(pipeline.log, ATTRIBUTED, standings, attributed.visit)))
    walks.push(...(await walkTopic(pipeline.log, RECON, standings, recon.visit)))
    for (const topic of TOPICS)
      if (!isRaw(topic) && ![ATTRIBUTED, DEAD, RECON].some((each) => each === topic))
        walks.push(...(await walkTopic(pipeline.log, topic, standings)))
  }
  const shippedTo = new Map(shippers.map(({ partition, next }) => [partition, next]))
  const laneWalks = lane
    ? await walkTopic(lane.log, DEAD, shippers, (record) => {
        if (record.offset >= (shippedTo.get(record.partition) ?? 0)) dead.visit(record)
      })
    : []
  const pending = new Set(pipeline ? pendingIn(pipeline.db).map(({ id }) => id) : [])
  const clicks = clickBooks(pipeline?.db, attributed)
  const orders = orderBooks(standings, dead)
  if (raw) {
    walks.push(...(await walkTopic(raw, ORDERS, standings, orders.visit)))
    walks.push(...(await walkTopic(raw, CLICKS, standings, clicks.isNeeded ? clicks.visit : undefined)))
  }
  if (events) walks.push(...(await walkTopic(events, GENERAL, standings)))
  return [
    ...placeChecks(at, [
      { standings, walks },
      { standings: shippers, walks: laneWalks },
    ]),
    ...importCheck(importing, walks),
    wholeCheck([...walks, ...laneWalks]),
    ...(await orders.checks({ edge, db: pipeline?.db, attributed, walks, pending })),
    ...(pipeline
      ? [
          ...clicks.checks(walks),
          ...billingChecks(pipeline.db, { attributed, walks }),
          ...recon.checks(walks),
          totalsCheck(pipeline.db, pending.size),
          ...dead.checks(pipeline.db, walks),
        ]
      : []),
    ...(lane ? await laneChecks(lane, { standings, dead, walks }) : []),
  ]
}
