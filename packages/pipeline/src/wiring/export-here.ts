import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logging.ts'
import type { Exported } from '../warehouse/export.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { etlOf } from './etl.ts'
import { exportOf } from './export.ts'
import { openMachine } from './open-machine.ts'
import { snowflakeOf } from './warehouse.ts'

/** In this process, where FlowGuard does not run on the folder. Throws `warehouse_missing`, or `warehouse_held` where it does. */
export async function exportHere(settings: Settings, logger: Logger, signal: AbortSignal): Promise<Exported> {
  const file = join(settings.DATA_DIR, WAREHOUSE.file)
  if (!snowflakeOf(settings) && !existsSync(file)) throw new FlowGuardError('warehouse_missing', `${file} is not there`)
  await using machine = openMachine(settings, logger, signal)
  const exported = await exportOf(machine, () => etlOf(machine))
  return await exported()
}
