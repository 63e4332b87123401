import { join } from 'node:path'
import { openSqliteDatabase } from '../database/adapters/sqlite.ts'
import type { Database } from '../database/database.ts'
import { seed } from '../database/seed.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { retried } from '../kernel/retry.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import type { EventLog } from '../log/event-log.ts'
import { readTopics, type TopicSpecs } from '../log/topics.ts'
import { FILES } from '../ops/stores.ts'
import type { PipelineStore } from '../pipeline-store.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { LaneStore } from '../workers/processor.ts'

/** What one process of the machine has open: each store once, by whichever role asks first. */
export interface Machine {
  settings: Settings
  topics: TopicSpecs
  clock: Clock
  logger: Logger
  signal: AbortSignal
  path: (file: string) => string
  database: () => Promise<Database>
  rawLog: () => EventLog
  pipeline: () => Promise<PipelineStore>
  /** Opened at its first use, and by one process at a time. */
  warehouse: () => Promise<Warehouse>
  lane: () => Promise<LaneStore>
  closing: AsyncDisposableStack
}

/** Starts a role and resolves, once it is ready, to what goes on until the signal aborts. */
export type StartRole = (machine: Machine) => Promise<readonly Part[]>

export function openMachine(settings: Settings, logger: Logger, signal: AbortSignal): Machine & AsyncDisposable {
  const closing = new AsyncDisposableStack()
  const topics = readTopics(settings.TOPICS_FILE)
  const clock = Date.now
  const path = (file: string) => join(settings.DATA_DIR, file)
  let database: Promise<Database> | undefined
  let rawLog: EventLog | undefined
  let pipeline: Promise<PipelineStore> | undefined
  let warehouse: Promise<Warehouse> | undefined
  let lane: Promise<LaneStore> | undefined
  const openDatabase = async () => {
    const opened = closing.use(openSqliteDatabase({ path: path(FILES.edge), clock }))
    await seed(opened, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE })
    return opened
  }
  const openPipeline = async () => {
    const { openPipelineStore } = await import('../pipeline-store.ts')
    return closing.use(openPipelineStore(path(FILES.pipeline), topics, clock))
  }
  const openLane = async () => {
    const { openLaneStore } = await import('../lane-store.ts')
    const canRetry = (error: unknown) => error instanceof FlowGuardError && error.retriable
    // Others may be making or writing it just now.
    const opened = await retried(async () => openLaneStore(path(FILES.lane), topics, clock), canRetry, signal)
    signal.throwIfAborted()
    return closing.use(opened as NonNullable<typeof opened>)
  }
  const openMachineWarehouse = async () => {
    const { openWarehouse } = await import('./warehouse.ts')
    const { db } = await (pipeline ??= openPipeline())
    return closing.use(openWarehouse(settings, db))
  }
  return {
    settings,
    topics,
    clock,
    logger,
    signal,
    path,
    closing,
    database: () => (database ??= openDatabase()),
    rawLog: () => (rawLog ??= closing.use(openSqliteLog({ path: path(FILES.raw), topics, clock }))),
    pipeline: () => (pipeline ??= openPipeline()),
    warehouse: () => (warehouse ??= openMachineWarehouse()),
    lane: () => (lane ??= openLane()),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}
