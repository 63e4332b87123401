import { CLICKS, MINUTE_MS, RECON, type Correction } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { openReadOnly } from '../kernel/sqlite.ts'
import { loaderStandings } from '../loader/mirror.ts'
import { openMachine, T0, type TestMachine } from '../ops/fixture.ts'
import type { Session } from '../warehouse/warehouse.ts'
import { lookInto, reconcileBook } from './book.ts'
import { createReconcile, type ReconcileDeps } from './reconcile.ts'
import { reconcileView } from './view.ts'

/** A machine with a warehouse of its own. */
export type OpenMachine = (path: string, options?: Pick<NonNullable<Parameters<typeof openMachine>[1]>, 'loses'>) => Promise<TestMachine>

export const onDuckdb: OpenMachine = async (path, options) => openMachine(path, options)

/** Reconciliation over a machine's stores; `now`: as the clock has it, which says what periods are closed. */
export function reconcilingOver(
  { pipeline: { db, path, derived }, warehouse }: TestMachine,
  now = () => T0 + 60 * MINUTE_MS,
  more: Partial<ReconcileDeps> = {},
) {
  const book = reconcileBook({ db, derived, clock: now })
  const look = () => {
    const own = openReadOnly(path)
    own.exec('begin')
    return { ...lookInto(own), [Symbol.dispose]: () => own.close() }
  }
  const loaded = () => loaderStandings(db)
  const deps = { warehouse, look, loaded, book, closeDays: 3, levelMsMax: 200, clock: now, logger: silentLogger, ...more }
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

/** As if the log had held nothing before that click any more when the warehouse was made, nor the click itself, unless it stays. */
export async function forget(session: Session, click: string, stays = false): Promise<void> {
  const [at] = await session.rows<{ n: number; position: number }>(
    'select source_partition as n, source_offset as position from bronze.clicks_raw where event_id = $1',
    [click],
  )
  const { n, position } = at!
  const began = position + (stays ? 0 : 1)
  await session.run(`update bronze.places set began = $1 where topic = '${CLICKS}' and "partition" = $2`, [began, n])
  await session.run('delete from bronze.clicks_raw where source_partition = $1 and source_offset < $2', [n, began])
}
