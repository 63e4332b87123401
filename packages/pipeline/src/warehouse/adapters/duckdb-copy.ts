import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { storeError } from '../../kernel/sqlite.ts'
import type { Copied, CopiedTable, Session } from '../warehouse.ts'
import { duckdbError } from './duckdb-errors.ts'
import { quoted } from './duckdb-query.ts'

/** Any DuckDB from 1.0 on reads it: those of other programs are older than ours for long. */
const STORAGE_VERSION = 'v1.0.0'

/** Writes copies aside in the one folder that this DuckDB may write to, and gives them their name once they are whole. */
export function duckdbCopy(session: () => Promise<Session>, loadDir: string) {
  return async (file: string, tables: readonly CopiedTable[]): Promise<Copied> => {
    const aside = join(loadDir, 'copy.duckdb')
    const remove = () => [aside, `${aside}.wal`].forEach((each) => rmSync(each, { force: true }))
    using own = await session()
    try {
      remove()
      await own.run(`attach ${quoted(aside)} as copy (storage_version '${STORAGE_VERSION}')`)
      try {
        const copied = await own.transaction(() => copiedTables(own, tables))
        await own.run('checkpoint copy')
        await own.run('detach copy')
        const { size: bytes } = statSync(aside)
        renameSync(aside, file)
        return { bytes, tables: copied }
      } finally {
        // Done already, unless something failed.
        await own.run('detach database if exists copy').catch(() => undefined)
      }
    } catch (error) {
      remove()
      throw duckdbError(file, storeError(file, error), 'warehouse_failed')
    }
  }
}

async function copiedTables(session: Session, tables: readonly CopiedTable[]): Promise<Copied['tables']> {
  for (const schema of new Set(tables.map(({ name }) => name.split('.')[0]))) await session.run(`create schema copy.${schema}`)
  const copied: { name: string; rows: number }[] = []
  for (const { name, select } of tables) {
    await session.run(`create table copy.${name} as ${select}`)
    const [counted] = await session.rows<{ rows: number }>(`select count(*) as rows from copy.${name}`)
    copied.push({ name, rows: counted!.rows })
  }
  return copied
}
