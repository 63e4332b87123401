import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { parseAddress } from '../kernel/addresses.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { lockFolder } from '../kernel/lock.ts'
import { hasLoaded, loaderStandings } from '../loader/mirror.ts'
import { QUIET_TIMES } from '../reader/batching.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import type { SnowflakeAccess } from '../warehouse/adapters/snowflake-connection.ts'
import { openSnowflake } from '../warehouse/adapters/snowflake.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { Machine } from './machine.ts'

/** The warehouse of the settings, to be written by this process. `db` is the pipeline's store, which knows whether there was one. */
export function openWarehouse(settings: Settings, db: DatabaseSync): Warehouse {
  const snowflake = snowflakeOf(settings)
  if (snowflake) return openSnowflake(snowflake)
  return openDuckdb({ ...placesOf(settings), threads: 1, mayCreate: () => !hasLoaded(loaderStandings(db)) })
}

/** The same to look at; a file while no other process has it. */
export function openWarehouseToRead(settings: Settings): Warehouse {
  const snowflake = snowflakeOf(settings)
  return snowflake ? openSnowflake(snowflake) : openDuckdb({ ...placesOf(settings), threads: availableParallelism(), readOnly: true })
}

/** Makes DuckDB's file, where there is none. Throws as it does when it is opened. */
export async function makeWarehouseFile(settings: Settings): Promise<void> {
  await using warehouse = openDuckdb({ ...placesOf(settings), threads: 1 })
  using _session = await warehouse.session()
}

export { initSnowflake } from '../warehouse/adapters/snowflake.ts'

/** How Snowflake is signed in to; undefined where the warehouse is a file. */
export function snowflakeOf(
  settings: Pick<Settings, 'WAREHOUSE_URL' | 'SNOWFLAKE_PASSWORD' | 'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE'>,
): SnowflakeAccess | undefined {
  const address = parseAddress(settings.WAREHOUSE_URL)
  if (address?.engine !== 'snowflake') return undefined
  return { address, passphrase: settings.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE, password: settings.SNOWFLAKE_PASSWORD }
}

/** When the loader loads: LoaderOptions. A load without rows wakes Snowflake for the places alone. */
export function batchingOf(settings: Settings): { rowsMax: number; ageMs: number; quietMs: number } {
  const ageMs = Number(settings.LOADER_AGE_MS)
  return { rowsMax: Number(settings.LOADER_ROWS), ageMs, quietMs: snowflakeOf(settings) ? QUIET_TIMES * ageMs : ageMs }
}

/** How long something waits for what is in the log when it is asked for, where the loader does not take longer to load it. */
const LEVEL_MS_MIN = 30_000

/** A batch is loaded when it is old, and what the stream answered to it in the next. */
export const levelMsMaxOf = ({ LOADER_AGE_MS }: Pick<Settings, 'LOADER_AGE_MS'>) => Math.max(LEVEL_MS_MIN, 2 * Number(LOADER_AGE_MS))

const holding = new WeakSet<Machine>()

/**
 * In place of the lock that DuckDB has on its file: one process makes the tables of a data folder, and goes through its days, from its first use on. Throws
 * `warehouse_held`.
 */
export function holdWarehouse(machine: Machine): void {
  if (snowflakeOf(machine.settings) === undefined || holding.has(machine)) return
  try {
    machine.closing.use(lockFolder(machine.settings.DATA_DIR, 'etl'))
  } catch (error) {
    if (!hasCode(error, 'data_locked')) throw error
    throw new FlowGuardError('warehouse_held', `another process makes its tables, or reconciles: ${(error as Error).message}`, error)
  }
  holding.add(machine)
}

/** Throws `warehouse_unsupported` where the warehouse is not a file. */
export function needsFile(settings: Settings, what: string): void {
  if (snowflakeOf(settings)) throw new FlowGuardError('warehouse_unsupported', `${what}: not on Snowflake`)
}

/** As lineage names it: https://openlineage.io/docs/spec/naming */
export function warehouseNamespace(settings: Settings): string {
  const snowflake = snowflakeOf(settings)
  return snowflake ? `snowflake://${snowflake.address.account}` : `duckdb://${settings.OPENLINEAGE_NAMESPACE}`
}

function placesOf({ DATA_DIR, WAREHOUSE_MEMORY_MB }: Settings) {
  return {
    path: join(DATA_DIR, WAREHOUSE.file),
    tempDir: join(DATA_DIR, WAREHOUSE.temp),
    memoryMb: Number(WAREHOUSE_MEMORY_MB),
  }
}
