import { setImmediate as immediate } from 'node:timers/promises'
import { copyShipper, type Shipped } from '../../kernel/copies.ts'
import { step } from '../../kernel/crash.ts'
import type { Part } from '../../kernel/lifecycle.ts'
import type { Logger } from '../../kernel/logging.ts'
import { guarded } from '../../kernel/sqlite.ts'
import type { NotesStore } from './store.ts'
import type { NotesTable } from './table.ts'

/** Rows that are told together: what one script adds holds up nobody else for long. */
const ROWS_MAX = 500

interface Options {
  path: string
  table: NotesTable
  store: NotesStore
  newEpoch: () => string
  logger: Logger
}

/** Tells the notes elsewhere what came to those here. Where they have gone back, the rows since are told again: what is gone from here would have been dropped there too. */
export function notesShipper(options: Options): Part {
  const { path, table, store, logger } = options
  return copyShipper({
    what: "the customers' notifications",
    path,
    copy: store,
    rows: table,
    ship: () => shipRows(options),
    fill: (signal) => fillNotes(options, signal),
    logger,
  })
}

async function shipRows({ path, store, table }: Options): Promise<Shipped> {
  const standing = await store.standing()
  if (!standing) return 'more'
  const rows = guarded(path, () => table.after(standing.place, ROWS_MAX))
  const last = rows.at(-1)
  if (!last) return 'level'
  step('notes.before-apply')
  const isApplied = await store.apply({ ...standing, to: last.seq, rows })
  step('notes.after-apply')
  return isApplied && rows.length < ROWS_MAX ? 'level' : 'more'
}

/** Everything anew, while others go on adding: what they add meanwhile is told after. Undefined where somebody else was faster, or some of it was lost. */
async function fillNotes(
  { path, store, table, newEpoch }: Options,
  signal: AbortSignal,
): Promise<{ epoch: string; notes: number } | undefined> {
  const before = (await store.standing())?.epoch
  const epoch = newEpoch()
  const filling = await store.fill(epoch)
  const place = guarded(path, () => table.latest())
  let notes = 0
  for (let from = 0; ;) {
    const rows = guarded(path, () => table.after(from, ROWS_MAX)).filter(({ seq }) => seq <= place)
    if (rows.length === 0) break
    await filling.put(rows)
    notes += rows.length
    from = rows.at(-1)!.seq
    if (signal.aborted) return undefined
    await immediate()
  }
  step('notes.before-finish')
  if (!(await filling.finish({ before, place }))) return undefined
  step('notes.after-finish')
  guarded(path, () => table.setEpoch(epoch))
  return { epoch, notes }
}
