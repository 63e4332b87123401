import { existsSync, renameSync, rmSync } from 'node:fs'
import { FlowGuardError } from '../../kernel/errors.ts'
import { storeError } from '../../kernel/sqlite.ts'
import { duckdbError } from './duckdb-errors.ts'
import { quoted } from './duckdb-query.ts'

/**
 * Writes the file anew: DuckDB leaves what was changed or deleted in its free blocks, to be read by whoever looks for it. Nobody may have it open. Killed in between, the file
 * is the old one or the new one, and the next call begins again.
 */
export async function compactDuckdb(path: string, memoryMb: number): Promise<void> {
  if (existsSync(`${path}.wal`)) throw new FlowGuardError('warehouse_failed', `${path} was not closed: its .wal is still there`)
  const aside = `${path}.new`
  for (const each of [aside, `${aside}.wal`]) rmSync(each, { force: true })
  const { DuckDBInstance } = await import('@duckdb/node-api')
  try {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${memoryMb}MiB`,
      temp_directory: `${path}.spill`,
      autoinstall_known_extensions: 'false',
    })
    try {
      const connection = await instance.connect()
      await connection.run(`attach ${quoted(path)} as old (read_only); attach ${quoted(aside)} as new (storage_version 'latest')`)
      await connection.run('copy from database old to new; checkpoint new; detach new; detach old')
      connection.disconnectSync()
    } finally {
      instance.closeSync()
    }
    renameSync(aside, path)
  } catch (error) {
    throw duckdbError(path, storeError(path, error), 'warehouse_failed')
  } finally {
    rmSync(`${path}.spill`, { recursive: true, force: true })
  }
}
