import { join } from 'node:path'
import { sqliteBillingView } from '../billing/adapters/sqlite-view.ts'
import { publishCharges } from '../billing/published.ts'
import type { Etl } from '../etl/etl.ts'
import { readModels } from '../etl/model.ts'
import { ROOT } from '../kernel/config.ts'
import type { FlowGuardError } from '../kernel/errors.ts'
import { FILES } from '../ops/stores.ts'
import { copiedTables, createExport, type Exported } from '../warehouse/export.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import type { Machine } from './machine.ts'

const shared = new WeakMap<Machine, Promise<() => Promise<Exported>>>()

/** One for all roles of a process: there is one export at a time. `etl` is this process's. */
export function exportOf(machine: Machine, etl: () => Promise<Etl>): Promise<() => Promise<Exported>> {
  const made = shared.get(machine) ?? open(machine, etl)
  shared.set(machine, made)
  return made
}

async function open(machine: Machine, etl: () => Promise<Etl>): Promise<() => Promise<Exported>> {
  const { closing, path, signal } = machine
  await machine.pipeline()
  const ledger = closing.use(sqliteBillingView(path(FILES.pipeline), async () => []))
  const gold = readModels(join(ROOT, 'packages/pipeline/models')).filter(({ name }) => name.startsWith('gold.'))
  return createExport(
    {
      warehouse: await machine.warehouse(),
      file: path(WAREHOUSE.copy),
      async tables() {
        // Makes the tables of the models where no run has yet.
        await (await etl()).runs(1)
        return copiedTables(gold.map(({ name }) => name))
      },
      publish: (session) => publishCharges(session, ledger.chargedDays),
    },
    signal,
  )
}

/** After an ETL run. What goes wrong is said, and is no fault of the run. */
export async function exportAfter(machine: Machine, etl: () => Promise<Etl>): Promise<void> {
  if (machine.settings.WAREHOUSE_EXPORT === 'off') return
  try {
    const { file, seconds } = await (await exportOf(machine, etl))()
    machine.logger.info({ file, seconds }, 'exported for other programs')
  } catch (error) {
    if (machine.signal.aborted) return
    const { code } = error as Partial<FlowGuardError>
    machine.logger.warn({ err: error, code }, 'the warehouse is not exported after the etl run; `npx flowguard warehouse export` does it')
  }
}
