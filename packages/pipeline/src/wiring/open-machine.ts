import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Database } from '../database/database.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logging.ts'
import { measuredDerived } from '../log/measured.ts'
import { readTopics } from '../log/topics.ts'
import { FILES } from '../ops/stores.ts'
import type { PipelineStore } from '../pipeline-store.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { LaneTables } from '../workers/tables.ts'
import { openDatabaseOf, patiently, postgresOf } from './edge-stores.ts'
import type { Machine } from './machine.ts'

export function openMachine(settings: Settings, logger: Logger, signal: AbortSignal): Machine & AsyncDisposable {
  const closing = new AsyncDisposableStack()
  const topics = readTopics(settings.TOPICS_FILE, Number(settings.LOG_COPIES))
  const clock = Date.now
  const path = (file: string) => join(settings.DATA_DIR, file)
  const checks: Machine['checks'] = {}
  let database: Promise<Database> | undefined
  let pipeline: Promise<PipelineStore> | undefined
  let warehouse: Promise<Warehouse> | undefined
  let lane: Promise<LaneTables> | undefined
  const openPipeline = async () => {
    const { openPipelineStore } = await import('../pipeline-store.ts')
    const opened = closing.use(openPipelineStore(path(FILES.pipeline), topics, clock))
    await refuseStranger(machine, opened)
    checks['pipeline'] = { check: async () => void opened.db.prepare('select 1 from places limit 1').all() }
    return { ...opened, derived: measuredDerived(opened.derived, clock) }
  }
  const openLane = async () => {
    const postgres = await postgresOf(machine)
    // Others may be making or writing it just now.
    const store = await patiently<LaneTables>(machine, async () =>
      postgres
        ? (await import('../workers/adapters/postgres-lane.ts')).openPostgresLane({ postgres, topics, clock })
        : closing.use((await import('../lane-store.ts')).openLaneStore(path(FILES.lane), topics, clock)),
    )
    checks['lane'] = { check: async () => void (await store.standings()) }
    return store
  }
  const openMachineWarehouse = async () => {
    const { openWarehouse } = await import('./warehouse.ts')
    const { db } = await (pipeline ??= openPipeline())
    return closing.use(openWarehouse(settings, db))
  }
  const machine: Machine & AsyncDisposable = {
    id: randomUUID(),
    settings,
    topics,
    clock,
    logger,
    signal,
    path,
    closing,
    checks,
    database: () => (database ??= openDatabaseOf(machine)),
    pipeline: () => (pipeline ??= openPipeline()),
    warehouse: () => (warehouse ??= openMachineWarehouse()),
    lane: () => (lane ??= openLane()),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
  return machine
}

/** Another folder's readers would begin at the start of the log, charge a second time what it still keeps, and put that in the place of the counters. */
async function refuseStranger(machine: Machine, { path, derived }: PipelineStore): Promise<void> {
  const postgres = await postgresOf(machine)
  if (!postgres) return
  const { isDiskStoreOf } = await import('../database/adapters/postgres-leases.ts')
  if (await patiently(machine, () => isDiskStoreOf(postgres, FILES.pipeline, derived.id))) return
  throw new FlowGuardError(
    'log_replaced',
    `${path} is not the one that belongs to the tables in PostgreSQL: the readers' places and the ledger are in another DATA_DIR. Bring that folder here; ` +
      `if it is lost for good, and its charges with it, begin anew: delete from disk_stores where name = '${FILES.pipeline}'`,
  )
}
