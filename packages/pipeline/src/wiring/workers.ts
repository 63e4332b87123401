import { randomBytes } from 'node:crypto'
import { GENERAL } from '@flowguard/contract'
import { enrich, type Work } from '../workers/enrich.ts'
import { worker } from '../workers/worker.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { rawReader } from './logs.ts'
import type { Machine, StartRole } from './machine.ts'

export const start: StartRole = (machine) => startWorkers(machine, enrich)

/** As many workers as the settings say, each under a name of its own: a process that comes after may have the same pid. */
export async function startWorkers(machine: Machine, work: Work): Promise<Part[]> {
  const { settings, clock, logger } = machine
  const store = await machine.lane()
  const log = await rawReader(machine, [GENERAL])
  return Array.from({ length: Number(settings.WORKERS) }, (_, at) =>
    worker({
      name: `worker-${process.pid}-${at + 1}-${randomBytes(3).toString('hex')}`,
      log,
      store,
      work,
      clock,
      random: Math.random,
      logger,
    }),
  )
}
