import type { DatabaseSync } from 'node:sqlite'
import { copyShipper, type Shipped } from '../kernel/copies.ts'
import { step } from '../kernel/crash.ts'
import type { Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded } from '../kernel/sqlite.ts'
import { asOfIn } from './as-of.ts'
import { counterChanges, readCounters, type CounterChanges } from './counter-changes.ts'
import { noSums, plusText, type CounterStore } from './counters.ts'

/** Rows that are told together: what one script adds holds up nobody else for long. */
const ROWS_MAX = 200

interface Options {
  db: DatabaseSync
  /** Of the same store: filling reads it on a connection of its own. */
  path: string
  counters: CounterStore
  newEpoch: () => string
  logger: Logger
}

export interface Filled {
  epoch: string
  /** Counters that were written. */
  counters: number
  /** The last row of changes that they hold. */
  place: number
}

/** Tells the counters elsewhere what those here grew by. */
export function counterShipper({ db, path, counters, newEpoch, logger }: Options): Part {
  const changes = counterChanges(db)
  const shipping = { db, path, counters, newEpoch, changes, asOf: undefined as string | null | undefined }
  return copyShipper({
    what: 'the counters',
    path,
    copy: counters,
    rows: changes,
    ship: () => shipRows(shipping),
    fill: () => fillCounters(shipping),
    logger,
  })
}

interface Shipping extends Omit<Options, 'logger'> {
  changes: CounterChanges
  /** Last told; undefined where that is not known. */
  asOf: string | null | undefined
}

async function shipRows(shipping: Shipping): Promise<Shipped> {
  const { db, path, counters, changes } = shipping
  const standing = await counters.standing()
  if (!standing) return 'more'
  // Before the rows: they may be newer than it says, never older.
  const { asOf, rows } = guarded(path, () => ({ asOf: asOfIn(db), rows: changes.after(standing.place, ROWS_MAX + 1) }))
  const told = rows.slice(0, ROWS_MAX)
  const isAll = rows.length === told.length
  if (told.length === 0 && asOf === shipping.asOf) return 'level'
  const sums = noSums()
  for (const row of told) plusText(sums, row.sums)
  const to = told.at(-1)?.seq ?? standing.place
  step('counters.before-apply')
  const isApplied = await counters.apply({ ...standing, to, sums, asOf: isAll ? asOf : undefined })
  step('counters.after-apply')
  if (!isApplied) return 'more'
  if (isAll) shipping.asOf = asOf
  guarded(path, () => changes.removeTold(to))
  return isAll ? 'level' : 'more'
}

/** Everything anew, while others go on counting: what they count meanwhile is told after. Undefined where somebody else was faster, or some of it was lost. */
export async function fillCounters({
  path,
  counters,
  changes,
  newEpoch,
}: Pick<Shipping, 'path' | 'counters' | 'changes' | 'newEpoch'>): Promise<Filled | undefined> {
  const before = (await counters.standing())?.epoch
  const epoch = newEpoch()
  const filling = await counters.fill(epoch)
  const { place, asOf, count } = await readCounters(path, (sums) => filling.put(sums))
  step('counters.before-finish')
  if (!(await filling.finish({ before, place, asOf }))) return undefined
  step('counters.after-finish')
  guarded(path, () => changes.setEpoch(epoch))
  return { epoch, counters: count, place }
}
