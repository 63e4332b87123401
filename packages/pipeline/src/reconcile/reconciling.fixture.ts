import { MINUTE_MS } from '@flowguard/contract'
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
