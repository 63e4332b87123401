import { hash } from 'node:crypto'
import { join } from 'node:path'
import { silentLogger } from '../kernel/logging.ts'
import type { OpsDeps } from './deps.ts'
import { T0, type TestMachine } from './fixture.ts'
import type { Stores } from './stores.ts'
import { TASKS, type Ask, type TaskName } from './tasks.ts'

/** Questions answered here and now, of these stores. */
export const askOf = (stores: Stores): Ask =>
  (async (name: TaskName, ...args: readonly unknown[]) =>
    (TASKS[name] as (of: Stores, ...rest: readonly unknown[]) => unknown)(stores, ...args)) as Ask

/** What the operations API is given over one machine's stores: everything needs `the key`, and the gateway takes what is sent again. */
export function opsDeps(machine: TestMachine, stores: Stores, folder: string): Omit<OpsDeps, 'etl'> {
  return {
    stores,
    ask: askOf(stores),
    db: machine.pipeline.db,
    warehouse: machine.warehouse,
    billing: machine.billing,
    resend: async () => ({ partition: 0, offset: 0 }),
    gatewayMetrics: async () => '',
    consoleDir: join(folder, 'console'),
    clock: () => T0 + 60_000,
    logger: silentLogger,
    version: '1.2.3',
    environment: 'test',
    keyed: 'everything',
    hasKey: (key) => key === hash('sha256', 'the key'),
    corsOrigins: [],
    rateLimit: 0,
  }
}
