import { MINUTE_MS, RECON, type Correction } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { openReadOnly } from '../kernel/sqlite.ts'
import { T0, type TestMachine } from '../ops/fixture.ts'
import { lookInto, reconcileBook } from './book.ts'
import { createReconcile } from './reconcile.ts'
import { reconcileView } from './view.ts'

/** Reconciliation over a machine's stores; `now`: as the clock has it, which says what periods are closed. */
export function reconcilingOver({ pipeline: { db, path, derived }, warehouse }: TestMachine, now = () => T0 + 60 * MINUTE_MS) {
  const book = reconcileBook({ db, derived, clock: now })
  const look = () => {
    const own = openReadOnly(path)
    own.exec('begin')
    return { ...lookInto(own), [Symbol.dispose]: () => own.close() }
  }
  const deps = { warehouse, look, book, closeDays: 3, levelMsMax: 200, clock: now, logger: silentLogger }
  return { reconcile: createReconcile(deps, new AbortController().signal), book, view: reconcileView(db) }
}

export async function corrections(machine: TestMachine): Promise<Correction[]> {
  const records = await machine.pipeline.derived.read([{ topic: RECON, partition: 0, next: 0 }], { countMax: 1_000, waitMs: 0 })
  return records.map(({ value }) => JSON.parse(value) as Correction)
}

/** What each event has come to in the ledger, in milli-paise. */
export function charged(machine: TestMachine): Record<string, number> {
  const rows = machine.pipeline.db
    .prepare('select event_id as id, sum(amount) as amount from ledger group by event_id having sum(amount) <> 0')
    .all()
  return Object.fromEntries(rows.map(({ id, amount }) => [id, amount]))
}
