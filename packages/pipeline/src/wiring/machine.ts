import type { Database } from '../database/database.ts'
import type { Check } from '../http/health.ts'
import type { Settings } from '../kernel/config.ts'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { TopicSpecs } from '../log/topics.ts'
import type { PipelineStore } from '../pipeline-store.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { LaneTables } from '../workers/tables.ts'

/** What one process of the machine has open: each store once, by whichever role asks first. */
export interface Machine {
  settings: Settings
  topics: TopicSpecs
  clock: Clock
  logger: Logger
  signal: AbortSignal
  path: (file: string) => string
  /** Unlike that of any other process. */
  id: string
  database: () => Promise<Database>
  pipeline: () => Promise<PipelineStore>
  /** Opened at its first use, and by one process at a time. */
  warehouse: () => Promise<Warehouse>
  lane: () => Promise<LaneTables>
  /** What this process needs, for /readyz: whoever opens something says how to see whether it answers. */
  checks: Record<string, { check: Check }>
  closing: AsyncDisposableStack
}

/** Starts a role and resolves, once it is ready, to what goes on until the signal aborts. */
export type StartRole = (machine: Machine) => Promise<readonly Part[]>
