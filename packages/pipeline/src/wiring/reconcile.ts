import { existsSync } from 'node:fs'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded, openReadOnly } from '../kernel/sqlite.ts'
import { lookInto, reconcileBook, type ReconcileBook } from '../reconcile/book.ts'
import type { Reconciling } from '../reconcile/outcome.ts'
import { createReconcile, type Day, type Look } from '../reconcile/reconcile.ts'
import { reconcileView } from '../reconcile/view.ts'
import { loaderStandings } from '../loader/mirror.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import type { Machine } from './machine.ts'
import { openMachine } from './open-machine.ts'
import { holdWarehouse, levelMsMaxOf, snowflakeOf } from './warehouse.ts'

const shared = new WeakMap<Machine, Promise<Reconciling>>()

/** One for all roles of a process: there is one run at a time. */
export function reconcilingOf(machine: Machine, levelMsMax = levelMsMaxOf(machine.settings)): Promise<Reconciling> {
  const made = shared.get(machine) ?? open(machine, levelMsMax)
  shared.set(machine, made)
  return made
}

/** After an ETL run: its days. What goes wrong is said, and is no fault of the run. */
export async function reconcileAfter(machine: Machine, days: readonly Day[], levelMsMax: number): Promise<void> {
  if (days.length === 0) return
  try {
    const { reconcile } = await reconcilingOf(machine, levelMsMax)
    await reconcile.run(days, 'etl')
  } catch (error) {
    if (machine.signal.aborted) return
    const { code } = error as Partial<FlowGuardError>
    machine.logger.warn({ err: error, code }, 'the days of the etl run are not reconciled; `npx flowguard reconcile` does it')
  }
}

async function open(machine: Machine, levelMsMax: number): Promise<Reconciling> {
  const { settings, clock, logger, signal } = machine
  const { db, path, derived } = await machine.pipeline()
  const book = guardedBook(
    path,
    guarded(path, () => reconcileBook({ db, derived, clock })),
  )
  const reconcile = createReconcile(
    {
      warehouse: await machine.warehouse(),
      look: () => lookAt(path),
      hold: () => holdWarehouse(machine),
      loaded: () => guarded(path, () => loaderStandings(db)),
      book,
      closeDays: Number(settings.BILLING_CLOSE_DAYS),
      levelMsMax,
      clock,
      logger,
    },
    signal,
  )
  return { reconcile, book, view: reconcileView(db) }
}

/** As of the moment of the first question, on a connection of its own. */
function lookAt(path: string): Look & Disposable {
  const db = openReadOnly(path)
  db.exec('begin')
  return { ...lookInto(db), [Symbol.dispose]: () => db.close() }
}

function guardedBook(path: string, book: ReconcileBook): ReconcileBook {
  return {
    missed: (days) => guarded(path, () => book.missed(days)),
    begin: (...args) => guarded(path, () => book.begin(...args)),
    write: (settled) => guarded(path, () => book.write(settled)),
    end: (...args) => guarded(path, () => book.end(...args)),
    flag: (...args) => guarded(path, () => book.flag(...args)),
    unflag: (...args) => guarded(path, () => book.unflag(...args)),
  }
}

/** In this process, where FlowGuard does not run on the folder. Throws `warehouse_missing`, or `warehouse_held` where it does. */
export async function openOwnReconcile(settings: Settings, logger: Logger, signal: AbortSignal): Promise<Reconciling & AsyncDisposable> {
  const machine = openMachine(settings, logger, signal)
  try {
    const file = machine.path(WAREHOUSE.file)
    if (!snowflakeOf(settings) && !existsSync(file)) throw new FlowGuardError('warehouse_missing', `${file} is not there`)
    holdWarehouse(machine)
    await (await machine.warehouse()).bronze.places()
    return { ...(await reconcilingOf(machine, 0)), [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose]() }
  } catch (error) {
    await machine[Symbol.asyncDispose]()
    throw error
  }
}
