import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { Ad } from '@flowguard/contract'
import { sqliteBillingView } from '../billing/adapters/sqlite-view.ts'
import type { BillingView } from '../billing/billing-view.ts'
import { counterChanges, type CounterChanges } from '../billing/counter-changes.ts'
import { counterShipper, fillCounters, type Filled } from '../billing/counter-shipper.ts'
import type { CounterStore } from '../billing/counters.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { REDIS_PREFIX } from '../kernel/redis.ts'
import { guarded, openReadOnly, openStore } from '../kernel/sqlite.ts'
import { addressesOf } from '../stores.ts'
import type { Machine } from './machine.ts'

/** Where the counters are kept besides `pipeline.db`, if anywhere. */
export function countersRedisOf(settings: Settings): { url: string; prefix: string } | undefined {
  const { counters } = addressesOf(settings)
  return counters && { url: counters.url, prefix: REDIS_PREFIX }
}

/** Undefined where the counters are in `pipeline.db` alone. */
async function openCounters(settings: Settings): Promise<CounterStore | undefined> {
  const redis = countersRedisOf(settings)
  return redis && (await import('../billing/adapters/redis-counters.ts')).openRedisCounters(redis)
}

/** The bills of another process's `pipeline.db`, or of the counters where these are kept elsewhere. */
export async function billsOf(settings: Settings, path: string, ads: () => Promise<readonly Ad[]>): Promise<BillingView & Disposable> {
  const ledger = sqliteBillingView(path, ads)
  const redis = countersRedisOf(settings)
  if (!redis) return ledger
  const { redisBillingView } = await import('../billing/adapters/redis-view.ts')
  const view = redisBillingView({ ...redis, ads, events: (line) => ledger.events(line) })
  return {
    ...view,
    [Symbol.dispose]() {
      view[Symbol.dispose]()
      ledger[Symbol.dispose]()
    },
  }
}

/** For the readers that count: where the counters are kept elsewhere too, what writes down their changes and what tells them. */
export async function tellCounters(
  { settings, logger, closing }: Machine,
  { db, path }: { db: DatabaseSync; path: string },
): Promise<{ changes: CounterChanges | undefined; parts: Part[] }> {
  const changes = counterChanges(db)
  const counters = await openCounters(settings)
  if (!counters) {
    guarded(path, () => changes.forget())
    return { changes: undefined, parts: [] }
  }
  closing.use(counters)
  return { changes, parts: [counterShipper({ db, path, counters, newEpoch: randomUUID, logger })] }
}

/** Fills the counters from the ledger of a store that no process works on. Undefined where these are in the store itself. */
export async function fillNow(settings: Settings, path: string): Promise<Filled | undefined> {
  const opened = await openCounters(settings)
  if (!opened) return undefined
  await using counters = opened
  // It is to be there: opened for writing it would be made.
  openReadOnly(path).close()
  using db = openStore(path)
  const filled = await fillCounters({ path, counters, changes: guarded(path, () => counterChanges(db)), newEpoch: randomUUID })
  if (!filled) throw new FlowGuardError('counters_unavailable', 'somebody else filled or emptied them meanwhile; try again')
  return filled
}
