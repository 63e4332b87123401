import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Settings } from '../kernel/config.ts'
import { hasLoaded, loaderStandings } from '../loader/mirror.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'

/** The warehouse of the data folder, to be written by this process. `db` is the pipeline's store, which knows whether there was one. */
export function openWarehouse(settings: Settings, db: DatabaseSync): Warehouse {
  return openDuckdb({ ...placesOf(settings), threads: 1, mayCreate: () => !hasLoaded(loaderStandings(db)) })
}

/** The same to look at, while no other process has it. */
export function openWarehouseToRead(settings: Settings): Warehouse {
  return openDuckdb({ ...placesOf(settings), threads: availableParallelism(), readOnly: true })
}

function placesOf({ DATA_DIR, WAREHOUSE_MEMORY_MB }: Settings) {
  return {
    path: join(DATA_DIR, WAREHOUSE.file),
    tempDir: join(DATA_DIR, WAREHOUSE.temp),
    memoryMb: Number(WAREHOUSE_MEMORY_MB),
  }
}
