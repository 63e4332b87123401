import { ATTRIBUTED, CLICKS, DEAD, GENERAL, ORDERS, TOPICS } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import { guarded } from '../kernel/sqlite.ts'
import { standingsIn } from '../reader/places.ts'
import { attributedBooks } from './audit-attributed.ts'
import { billingChecks } from './audit-billing.ts'
import type { Check } from './audit-check.ts'
import { clickBooks } from './audit-clicks.ts'
import { deadBooks } from './audit-dead.ts'
import { orderBooks } from './audit-orders.ts'
import { placeChecks } from './audit-places.ts'
import { walkTopic, wholeCheck, type PartitionWalk } from './audit-walk.ts'
import { inSnapshot, type Stores } from './stores.ts'
import { isRaw } from './topics.ts'

export interface Audit {
  /** Every check holds: not one event is unaccounted for. */
  balanced: boolean
  checks: Check[]
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
  const checks = guarded(stores.dataDir, () => inSnapshot(stores, () => checksOf(stores)))
  return { balanced: checks.every(({ ok }) => ok), checks, took_ms: Math.round(performance.now() - startedAt) }
}

function checksOf(stores: Stores): Check[] {
  const { edge, raw, pipeline } = stores
  const standings = pipeline ? standingsIn(pipeline.db) : []
  const dead = deadBooks(standings)
  const attributed = attributedBooks(standings, dead)
  const walks: PartitionWalk[] = []
  if (pipeline) {
    // Dead letters first: the other books ask them.
    walks.push(...walkTopic(pipeline.log, DEAD, standings, dead.visit))
    walks.push(...walkTopic(pipeline.log, ATTRIBUTED, standings, attributed.visit))
    for (const topic of TOPICS)
      if (!isRaw(topic) && topic !== ATTRIBUTED && topic !== DEAD) walks.push(...walkTopic(pipeline.log, topic, standings))
  }
  const clicks = clickBooks(pipeline?.db, attributed)
  const orders = orderBooks(standings, dead)
  if (raw) {
    walks.push(...walkTopic(raw.log, ORDERS, standings, orders.visit))
    walks.push(...walkTopic(raw.log, CLICKS, standings, clicks.isNeeded ? clicks.visit : undefined))
    walks.push(...walkTopic(raw.log, GENERAL, standings))
  }
  return [
    ...placeChecks(stores, standings, walks),
    wholeCheck(walks),
    ...orders.checks({ edge, db: pipeline?.db, attributed, walks }),
    ...(pipeline
      ? [...clicks.checks(walks), ...billingChecks(pipeline.db, { attributed, walks }), ...dead.checks(pipeline.db, walks)]
      : []),
  ]
}
