import { hash } from 'node:crypto'
import { join } from 'node:path'
import { alertBook } from '../alerts/book.ts'
import { silentLogger } from '../kernel/logging.ts'
import { reconcilingOver } from '../reconcile/reconciling.fixture.ts'
import type { OpsDeps } from './deps.ts'
import { T0, type TestMachine } from './fixture.ts'
import type { Stores } from './stores.ts'
import { TASKS, type Ask, type TaskName } from './tasks.ts'

/** Questions answered in this thread, each with stores of its own, as in the threads: what is asked each second goes on beside them. */
export const askOf = (open: () => Stores): Ask =>
  (async (name: TaskName, ...args: readonly unknown[]) => {
    await using stores = open()
    return await (TASKS[name] as (of: Stores, ...rest: readonly unknown[]) => Promise<unknown>)(stores, ...args)
  }) as Ask

/** What the operations API is given over one machine's stores: everything needs `the key`, and the gateway takes what is sent again. */
export function opsDeps(machine: TestMachine, stores: Stores, folder: string): Omit<OpsDeps, 'etl'> {
  return {
    stores,
    ask: askOf(machine.stores),
    db: machine.pipeline.db,
    alerts: alertBook({ ...machine.pipeline, clock: () => T0 + 60_000, cooldownMs: () => 0 }),
    warehouse: machine.warehouse,
    billing: machine.billing,
    reconciling: reconcilingOver(machine),
    exporting: async () => ({ file: null, bytes: 0, tables: [], charged_days: 0, seconds: 0 }),
    resend: async () => ({ partition: 0, offset: 0 }),
    gatewayMetrics: async () => '',
    consoleDir: join(folder, 'console'),
    clock: () => T0 + 60_000,
    logger: silentLogger,
    version: '1.2.3',
    environment: 'test',
    keyed: 'everything',
    hasKey: async (key) => key === hash('sha256', 'the key'),
    corsOrigins: [],
    rateLimit: 0,
  }
}
