import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { FlowGuardError } from '../../kernel/errors.ts'
import { storeError } from '../../kernel/sqlite.ts'
import { BRONZE_SCHEMA, WAREHOUSE } from '../schema.ts'
import type { Param, Session, Warehouse } from '../warehouse.ts'
import { duckdbBronze } from './duckdb-bronze.ts'
import { duckdbCopy } from './duckdb-copy.ts'
import { duckdbError, isFatal } from './duckdb-errors.ts'
import { quoted, typedQueries } from './duckdb-query.ts'

interface DuckdbOptions {
  path: string
  /** For what does not fit into memory, and for what is on its way in: made here, and emptied. */
  tempDir: string
  memoryMb: number
  /** A batch of the loader costs half as much again with two. Whoever has much to do sets more, for as long as it takes. */
  threads: number
  /** For a look beside nobody: nothing is made, nothing is written. */
  readOnly?: boolean
  /** Whether a file that is missing may be made: not where something was loaded into it once. */
  mayCreate?: () => boolean
}

/** A write-ahead log of this size is merged into the file: seldom, for that rewrites much (256 MB instead of 16: a third less CPU a row). */
const CHECKPOINT = '256MB'

interface Opened {
  instance: DuckDBInstance
  sessions: Set<OwnSession>
}

interface OwnSession extends Session {
  end(): Promise<void>
}

/** Opens DuckDB's file at `path`, at the first use. */
export function openDuckdb(options: DuckdbOptions): Warehouse {
  const { path, tempDir } = options
  const loadDir = join(tempDir, WAREHOUSE.load)
  let opening: Promise<Opened> | undefined
  let broken: Promise<void> = Promise.resolve()
  let isFirst = true

  function opened(): Promise<Opened> {
    opening ??= broken
      .then(() => open(options, loadDir, isFirst))
      .then((done) => {
        isFirst = false
        return done
      })
      .catch((error: unknown) => {
        opening = undefined
        throw duckdbError(path, storeError(path, error), 'warehouse_failed')
      })
    return opening
  }

  /** After a fatal error everybody's connection is dead: all are closed, so that the file can be opened again. */
  function abandon(): void {
    const current = opening
    opening = undefined
    if (current)
      broken = current.then(
        (each) => closeAll(each, true),
        () => undefined,
      )
  }

  async function session(): Promise<OwnSession> {
    const { instance, sessions } = await opened()
    const connection = await instance.connect()
    const made = sessionOn(connection, path, abandon, () => sessions.delete(made))
    sessions.add(made)
    return made
  }

  return {
    dialect: 'duckdb',
    session,
    query: typedQueries(path, async () => (await opened()).instance),
    bronze: duckdbBronze(session, { path, loadDir }),
    copyTo: options.readOnly ? undefined : duckdbCopy(session, loadDir),
    async [Symbol.asyncDispose]() {
      const current = opening
      opening = Promise.reject(new FlowGuardError('warehouse_failed', `${path} is closed`))
      opening.catch(() => undefined)
      await broken
      if (!current) return
      await current.then(
        (each) => closeAll(each, options.readOnly),
        () => undefined,
      )
      if (!options.readOnly) rmSync(tempDir, { recursive: true, force: true })
    },
  }
}

async function closeAll({ instance, sessions }: Opened, isReadOnly = false): Promise<void> {
  await Promise.all([...sessions].map((each) => each.end()))
  // Closing would do it too, with the whole process waiting.
  if (!isReadOnly) await checkpointed(instance)
  instance.closeSync()
}

async function checkpointed(instance: DuckDBInstance): Promise<void> {
  const connection = await instance.connect()
  try {
    // What cannot be merged into the file now is merged when it is opened: the write-ahead log has it.
    await connection.run('checkpoint').catch(() => undefined)
  } finally {
    connection.disconnectSync()
  }
}

async function open(
  { path, tempDir, memoryMb, threads, readOnly, mayCreate }: DuckdbOptions,
  loadDir: string,
  isFirst: boolean,
): Promise<Opened> {
  if (!existsSync(path) && (readOnly || !(mayCreate?.() ?? true))) throw new FlowGuardError('warehouse_missing', `${path} is not there`)
  // Large: loaded by whoever needs it, when it is needed.
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const spillDir = join(tempDir, 'spill')
  const instance = await DuckDBInstance.create(path, {
    memory_limit: `${memoryMb}MiB`,
    threads: String(threads),
    temp_directory: spillDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(readOnly ? { access_mode: 'READ_ONLY' } : { checkpoint_threshold: CHECKPOINT, storage_compatibility_version: 'latest' }),
  })
  try {
    if (!readOnly) {
      // Only now, with the file's lock held, and only at first: what lies there is a dead process's.
      if (isFirst) rmSync(tempDir, { recursive: true, force: true })
      mkdirSync(loadDir, { recursive: true })
    }
    const connection = await instance.connect()
    try {
      for (const sql of readOnly ? [] : BRONZE_SCHEMA) await connection.run(sql)
      // What people type sees the database and nothing else, and cannot take that back.
      await connection.run("set global TimeZone = 'UTC'")
      await connection.run(`set allowed_directories = [${readOnly ? '' : quoted(`${loadDir}/`)}]`)
      // Cannot be taken back while the file is open.
      await connection.run('set enable_external_access = false')
      // A long run takes more threads for as long as it lasts.
      await connection.run("set allowed_configs = ['threads']")
      await connection.run('set lock_configuration = true')
    } finally {
      connection.disconnectSync()
    }
    return { instance, sessions: new Set() }
  } catch (error) {
    instance.closeSync()
    throw error
  }
}

function sessionOn(connection: DuckDBConnection, path: string, abandon: () => void, forget: () => void): OwnSession {
  let busy: Promise<unknown> = Promise.resolve()
  let isOpen = true

  function ask<T>(work: () => Promise<T>): Promise<T> {
    if (!isOpen) return Promise.reject(new FlowGuardError('warehouse_failed', `${path}: this connection is closed`))
    const asked = work().catch((error: unknown) => {
      if (isFatal(error)) abandon()
      throw duckdbError(path, error, 'query_failed')
    })
    busy = asked.catch(() => undefined)
    return asked
  }

  async function result(sql: string, params: readonly Param[]) {
    if (params.length === 0) return connection.run(sql)
    const { bound } = await import('./duckdb-values.ts')
    const { values, types } = bound(params)
    return connection.run(sql, values, types)
  }

  const run = (sql: string, params: readonly Param[] = []) => ask(async () => (await result(sql, params)).rowsChanged)

  /** A connection must not be closed under a statement that runs in another thread. */
  async function end() {
    if (!isOpen) return
    isOpen = false
    forget()
    connection.interrupt()
    await busy
    connection.disconnectSync()
  }

  return {
    dialect: 'duckdb',
    run,
    rows: <T>(sql: string, params: readonly Param[] = []) =>
      ask(async () => {
        const { plainValue } = await import('./duckdb-values.ts')
        const found = await (await result(sql, params)).getRowObjects()
        return found.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]))) as T[]
      }),
    async transaction(work) {
      await run('begin transaction')
      try {
        const value = await work()
        await run('commit')
        return value
      } catch (error) {
        // Fails where the commit itself has ended it, or the connection is dead.
        await run('rollback').catch(() => undefined)
        throw error
      }
    },
    interrupt: () => connection.interrupt(),
    end,
    [Symbol.dispose]: () => void end(),
  }
}
