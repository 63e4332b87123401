import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FlowGuardError, hasCode } from './errors.ts'

const BUSY_MS = 5_000
const BUSY_AGAIN_MS = 5
/** SQLite's primary result codes: https://www.sqlite.org/rescode.html */
const CODE = { error: 1, busy: 5, locked: 6, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const

/** Opens a store for its one owner: WAL, and every commit flushed to the disk before it returns. Throws `store_unwritable` where it cannot be made. */
export function openStore(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true })
    const db = new DatabaseSync(path, { timeout: BUSY_MS })
    try {
      toWal(db)
      db.exec('pragma synchronous = full; pragma foreign_keys = on')
    } catch (error) {
      db.close()
      throw error
    }
    return db
  } catch (error) {
    const failure = storeError(path, error)
    throw hasCode(failure, 'store_missing') ? new FlowGuardError('store_unwritable', (failure as Error).message, error) : failure
  }
}

/** SQLite does not wait for who turns the same new file to WAL just now: so it is tried again, for as long as anything else is waited for. */
function toWal(db: DatabaseSync): void {
  for (const deadline = performance.now() + BUSY_MS; ;) {
    try {
      return db.exec('pragma journal_mode = wal')
    } catch (error) {
      const { errcode = 0 } = error as { errcode?: number }
      if ((errcode & 0xff) !== CODE.busy || performance.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_AGAIN_MS)
    }
  }
}

/** Opens another process's store to look at it; WAL lets it be written meanwhile. Throws `store_missing` where there is none. */
export function openReadOnly(path: string): DatabaseSync {
  return guarded(path, () => {
    const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS })
    try {
      db.prepare('select count(*) from sqlite_schema').get()
    } catch (error) {
      db.close()
      throw error
    }
    return db
  })
}

/**
 * Another process's store with what is asked of it, opened and prepared once it is first asked: its owner may come later. Throws `store_missing` until then, and until
 * the tables are made.
 */
export function storeView<S extends object>(path: string, prepare: (db: DatabaseSync) => S) {
  let opened: { db: DatabaseSync; statements: S } | undefined
  const open = () => {
    const db = openReadOnly(path)
    try {
      return { db, statements: prepare(db) }
    } catch (error) {
      db.close()
      throw error
    }
  }
  return {
    read: <T>(work: (statements: S, db: DatabaseSync) => T): T =>
      guarded(path, () => {
        opened ??= open()
        return work(opened.statements, opened.db)
      }),
    [Symbol.dispose]() {
      opened?.db.close()
    },
  }
}

/** Once is enough, and twice does no harm. */
export function closeStore(db: DatabaseSync): void {
  if (db.isOpen) db.close()
}

/** Brings the schema to the newest version: `steps[n]` leads from version n to n + 1. Processes that open the store at once leave it to the first of them. */
export function migrate(db: DatabaseSync, path: string, steps: readonly string[]): void {
  guarded(path, () => {
    if (schemaVersion(db, path, steps) === steps.length) return
    transaction(db, () => {
      const rest = steps.slice(schemaVersion(db, path, steps))
      if (rest.length > 0) db.exec(`${rest.join(';\n')};\n pragma user_version = ${steps.length}`)
    })
  })
}

/** For whoever may not change the store: throws `store_missing` until its owner has brought the schema to the newest version. */
export function requireSchema(db: DatabaseSync, path: string, steps: readonly string[]): void {
  guarded(path, () => {
    const version = schemaVersion(db, path, steps)
    if (version < steps.length)
      throw new FlowGuardError('store_missing', `${path} has schema ${version}; its owner has yet to bring it to ${steps.length}`)
  })
}

function schemaVersion(db: DatabaseSync, path: string, steps: readonly string[]): number {
  const { user_version: version } = db.prepare('pragma user_version').get() as { user_version: number }
  if (version > steps.length) throw new FlowGuardError('store_newer', `${path} has schema ${version}; this FlowGuard knows ${steps.length}`)
  return version
}

/** Synchronous on purpose: nothing can be awaited inside, so nobody else's statement can slip in and be rolled back with it. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate')
  try {
    const result = work()
    db.exec('commit')
    return result
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

/** Runs work on the store at `path`, and names what went wrong as the operator can act on it. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw storeError(path, error)
  }
}

/** A failure of SQLite or of the file system as an error of ours; any other as it is. */
export function storeError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FlowGuardError) return error
  const { code, errcode } = error as Error & { code?: string; errcode?: number }
  if (code === 'ENOSPC') return new FlowGuardError('disk_full', `no space left for ${path}`, error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'ENOTDIR' || code === 'EEXIST') {
    return new FlowGuardError('store_unwritable', `cannot write ${path}: ${error.message}`, error)
  }
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return error
  // A reader that came before the owner had made its tables.
  if (errcode === CODE.error && error.message.startsWith('no such table'))
    return new FlowGuardError('store_missing', `${path}: ${error.message} yet`, error)
  switch (errcode & 0xff) {
    case CODE.full:
      return new FlowGuardError('disk_full', `no space left for ${path}`, error)
    case CODE.corrupt:
    case CODE.notADatabase:
      return new FlowGuardError('store_corrupt', `${path} is damaged: ${error.message}`, error)
    case CODE.readOnly:
      return new FlowGuardError('store_unwritable', `cannot write ${path}: ${error.message}`, error)
    case CODE.cannotOpen:
      return new FlowGuardError('store_missing', `cannot open ${path}: ${error.message}`, error)
    case CODE.busy:
    case CODE.locked:
      return new FlowGuardError('store_busy', `${path} is held by another process: ${error.message}`, error)
    case CODE.ioError:
      return new FlowGuardError('log_unavailable', `reading or writing ${path} failed: ${error.message}`, error)
    default:
      return error
  }
}
