import { join } from 'node:path'
import { ATTRIBUTED, CLICKS, type Topic } from '@flowguard/contract'
import { transaction } from '../../kernel/sqlite.ts'
import { openPipelineStore } from '../../pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { sqliteBillingView } from '../adapters/sqlite-view.ts'
import { counterChanges } from '../counter-changes.ts'
import { billingTables, type Charge, type ItemCounts } from '../tables.ts'
import { ADS } from './fixture.ts'

export const other = { ...ADS[0]!, adId: 'of another/ad?', advertiserId: 'another' } as (typeof ADS)[number]
export const ads = async () => [...ADS, other]

/** A pipeline's store in a file, and how it comes to what it holds. `isTold`: what its counters grow by is written down for those elsewhere. */
export function openedStore({ isTold }: { isTold: boolean }) {
  const folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  const store = openPipelineStore(path, TOPICS, () => START)
  // Nothing here outlives the test.
  store.db.exec('pragma synchronous = off')
  const changes = counterChanges(store.db)
  const tables = billingTables(store.db, isTold ? changes : undefined)
  const write = (work: () => void) =>
    transaction(store.db, () => {
      work()
      tables.write()
    })
  return {
    db: store.db,
    path,
    changes,
    charge: (...charges: Charge[]) => write(() => charges.forEach((each) => tables.charge(each))),
    /** A reader has seen this time. */
    stand: (reader: string, timeMs: number, topic: Topic = CLICKS, { partition = 0, next = 0 } = {}) =>
      store.db
        .prepare('insert or replace into places (reader, topic, partition, log_id, began, next, time_ms) values (?, ?, ?, ?, 0, ?, ?)')
        .run(reader, topic, partition, 'l', next, timeMs),
    /** So many orders were answered. */
    answer: (partition: number, count: number) =>
      store.derived.append(
        ATTRIBUTED,
        Array.from({ length: count }, () => ({ key: 'u1', value: '{}', headers: {}, partition })),
      ),
    count: (item: number, day: string, counts: Partial<ItemCounts>) => write(() => void Object.assign(tables.count(item, day), counts)),
    [Symbol.dispose]() {
      store[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** A pipeline's store, and the view that another process has of it. */
export function openedView(now?: () => number, all = ads) {
  const store = openedStore({ isTold: false })
  const view = sqliteBillingView(store.path, all, now)
  return {
    ...store,
    view,
    [Symbol.dispose]() {
      view[Symbol.dispose]()
      store[Symbol.dispose]()
    },
  }
}

export const charge = (eventId: string, day: string, more: Partial<Charge> = {}): Charge => ({
  eventId,
  adId: 'cpc',
  day,
  amount: 456_000,
  kind: 'cpc',
  ...more,
})
