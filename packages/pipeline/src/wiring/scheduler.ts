import { schedule } from '../etl/schedule.ts'
import { aborted } from '../kernel/lifecycle.ts'
import { etlOf } from './etl.ts'
import type { StartRole } from './machine.ts'

export const start: StartRole = async (machine) => {
  const { settings, clock, logger } = machine
  if (settings.ETL === 'off') return [aborted]
  return [schedule({ etl: await etlOf(machine), at: settings.ETL_AT, clock, logger })]
}
