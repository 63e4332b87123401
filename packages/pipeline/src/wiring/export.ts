import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteBillingView } from '../billing/adapters/sqlite-view.ts'
import { publishCharges } from '../billing/published.ts'
import { readModels } from '../etl/model.ts'
import { ROOT, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logging.ts'
import { FILES } from '../ops/stores.ts'
import { copiedTables, createExport, type Exported } from '../warehouse/export.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { etlOf } from './etl.ts'
import type { Machine } from './machine.ts'
import { openMachine } from './open-machine.ts'
import { snowflakeOf } from './warehouse.ts'

const shared = new WeakMap<Machine, Promise<() => Promise<Exported>>>()

/** One for all roles of a process: there is one export at a time. */
export function exportOf(machine: Machine): Promise<() => Promise<Exported>> {
  const made = shared.get(machine) ?? open(machine)
  shared.set(machine, made)
  return made
}

async function open(machine: Machine): Promise<() => Promise<Exported>> {
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
        await (await etlOf(machine)).runs(1)
        return copiedTables(gold.map(({ name }) => name))
      },
      publish: (session) => publishCharges(session, ledger.chargedDays),
    },
    signal,
  )
}

/** After an ETL run. What goes wrong is said, and is no fault of the run. */
export async function exportAfter(machine: Machine): Promise<void> {
  if (machine.settings.WAREHOUSE_EXPORT === 'off') return
  try {
    const { file, seconds } = await (await exportOf(machine))()
    machine.logger.info({ file, seconds }, 'exported for other programs')
  } catch (error) {
    if (machine.signal.aborted) return
    const { code } = error as Partial<FlowGuardError>
    machine.logger.warn({ err: error, code }, 'the warehouse is not exported after the etl run; `npx flowguard warehouse export` does it')
  }
}

/** In this process, where FlowGuard does not run on the folder. Throws `warehouse_missing`, or `warehouse_held` where it does. */
export async function exportHere(settings: Settings, logger: Logger, signal: AbortSignal): Promise<Exported> {
  const file = join(settings.DATA_DIR, WAREHOUSE.file)
  if (!snowflakeOf(settings) && !existsSync(file)) throw new FlowGuardError('warehouse_missing', `${file} is not there`)
  await using machine = openMachine(settings, logger, signal)
  return await (
    await exportOf(machine)
  )()
}
