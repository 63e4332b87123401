import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { ATTRIBUTED, CLICKS, DEAD, GENERAL, ORDERS, TOPICS } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { storeError } from '../kernel/sqlite.ts'
import { attributedBooks } from './audit-attributed.ts'
import { adsBeganAt, billingChecks } from './audit-billing.ts'
import type { Check } from './audit-check.ts'
import { clickBooks } from './audit-clicks.ts'
import { deadBooks } from './audit-dead.ts'
import { laneChecks } from './audit-lane.ts'
import { orderBooks } from './audit-orders.ts'
import { placeChecks } from './audit-places.ts'
import { totalsCheck } from './audit-totals.ts'
import { walkTopic, wholeCheck, type PartitionWalk } from './audit-walk.ts'
import { FILES, inSnapshot, standingsOf, type Stores } from './stores.ts'
import { pendingIn } from '../stream/pending.ts'
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
 * against counters. Synchronous, and long where the log is: not for the process that reads. Throws `store_missing` where there is no store at all.
 */
export function audit(stores: Stores): Audit {
  const startedAt = performance.now()
  if (!stores.edge && !stores.raw && !stores.pipeline)
    throw new FlowGuardError('store_missing', `there are no stores in ${stores.dataDir} yet`)
  const checks = looked(stores, () => inSnapshot(stores, () => checksOf(stores)))
  return { balanced: checks.every(({ ok }) => ok), checks, unchecked: [], took_ms: Math.round(performance.now() - startedAt) }
}

/** Runs the work, and names the file that is damaged where one is: SQLite says of an error only that there is one. */
function looked<T>(stores: Stores, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const failure = storeError(stores.dataDir, error)
    throw hasCode(failure, 'store_corrupt') ? storeError(damagedFile(stores), error) : failure
  }
}

function damagedFile({ dataDir, edge, raw, pipeline, lane }: Stores): string {
  const dbs = { edge, raw: raw?.db, pipeline: pipeline?.db, lane: lane?.db }
  const damaged = (Object.keys(FILES) as (keyof typeof FILES)[]).find((name) => dbs[name] !== undefined && !isSound(dbs[name]))
  return damaged === undefined ? dataDir : join(dataDir, FILES[damaged])
}

function isSound(db: DatabaseSync): boolean {
  try {
    return db.prepare('pragma quick_check(1)').get()?.['quick_check'] === 'ok'
  } catch {
    return false
  }
}

function checksOf(stores: Stores): Check[] {
  const { edge, raw, pipeline, lane } = stores
  const all = standingsOf(stores)
  // The workers' own dead letters lie in a log of the same topics, beside the pipeline's.
  const shippers = all.filter(({ reader }) => reader === LANE_DEAD)
  const standings = all.filter((each) => !shippers.includes(each))
  const dead = deadBooks(standings)
  const attributed = attributedBooks(standings, dead, pipeline ? adsBeganAt(pipeline.db) : new Map())
  const walks: PartitionWalk[] = []
  if (pipeline) {
    // Dead letters first: the other books ask them.
    walks.push(...walkTopic(pipeline.log, DEAD, standings, dead.visit))
    walks.push(...walkTopic(pipeline.log, ATTRIBUTED, standings, attributed.visit))
    for (const topic of TOPICS)
      if (!isRaw(topic) && topic !== ATTRIBUTED && topic !== DEAD) walks.push(...walkTopic(pipeline.log, topic, standings))
  }
  const shippedTo = new Map(shippers.map(({ partition, next }) => [partition, next]))
  const laneWalks = lane
    ? walkTopic(lane.log, DEAD, shippers, (record) => {
        if (record.offset >= (shippedTo.get(record.partition) ?? 0)) dead.visit(record)
      })
    : []
  const pending = new Set(pipeline ? pendingIn(pipeline.db).map(({ id }) => id) : [])
  const clicks = clickBooks(pipeline?.db, attributed)
  const orders = orderBooks(standings, dead)
  if (raw) {
    walks.push(...walkTopic(raw.log, ORDERS, standings, orders.visit))
    walks.push(...walkTopic(raw.log, CLICKS, standings, clicks.isNeeded ? clicks.visit : undefined))
    walks.push(...walkTopic(raw.log, GENERAL, standings))
  }
  return [
    ...placeChecks(stores, [
      { standings, walks },
      { standings: shippers, walks: laneWalks },
    ]),
    wholeCheck([...walks, ...laneWalks]),
    ...orders.checks({ edge, db: pipeline?.db, attributed, walks, pending }),
    ...(pipeline
      ? [
          ...clicks.checks(walks),
          ...billingChecks(pipeline.db, { attributed, walks }),
          totalsCheck(pipeline.db, pending.size),
          ...dead.checks(pipeline.db, walks),
        ]
      : []),
    ...(lane ? laneChecks(lane.db, { standings, dead, walks }) : []),
  ]
}
