import { existsSync, mkdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FlowGuardError, hasCode } from './errors.ts'
import { guarded, storeError } from './sqlite.ts'

/** A lock that is only being looked at is free again sooner. */
const LOOK_MS_MAX = 200
/** A page of SQLite's; an empty file is as good. */
const DATABASE_BYTES_MIN = 512

/**
 * Holds a data folder, or one role on it, for this process. Throws `data_locked` where another process holds it. It is SQLite's own lock on a file, which the system gives
 * up when the process ends, however it ends: no pid is believed, since another process may have it by now, and in a container each start may have the same.
 */
export function lockFolder(folder: string, role?: string): Disposable {
  const file = lockFile(folder, role)
  guarded(folder, () => mkdirSync(folder, { recursive: true }))
  const db = guarded(file, () => {
    // The lock of an earlier version is text with a pid: it holds nothing, and is written over.
    if (isSmall(file)) truncateSync(file)
    return openLock(file)
  })
  try {
    // Who holds it is written first, for others see only what is committed; the lock is taken again after that.
    guarded(file, () => db.exec(`pragma synchronous = off; begin immediate; pragma user_version = ${process.pid}; commit; begin immediate`))
  } catch (error) {
    db.close()
    if (!hasCode(error, 'store_busy')) throw error
    const what = role === undefined ? folder : `the role ${role} on ${folder}`
    throw new FlowGuardError('data_locked', `${what} is in use by process ${holderOf(folder, role) ?? 'that is just ending'}`, error)
  }
  // The file stays: to remove it would let a third process lock another of the same name.
  return { [Symbol.dispose]: () => db.close() }
}

function openLock(file: string): DatabaseSync {
  return new DatabaseSync(file, { timeout: LOOK_MS_MAX })
}

function isSmall(file: string): boolean {
  return existsSync(file) && statSync(file).size < DATABASE_BYTES_MIN
}

/** The process that holds a data folder, or one role on it, just now; undefined where none does, or has yet to say who it is. */
export function holderOf(folder: string, role?: string): number | undefined {
  const file = lockFile(folder, role)
  return guarded(file, () => {
    if (!existsSync(file) || isSmall(file)) return undefined
    const db = openLock(file)
    try {
      const { user_version: pid } = db.prepare('pragma user_version').get() as { user_version: number }
      return pid > 0 && isHeld(db, file) ? pid : undefined
    } finally {
      db.close()
    }
  })
}

function isHeld(db: DatabaseSync, file: string): boolean {
  try {
    db.exec('pragma busy_timeout = 0; begin immediate; rollback')
    return false
  } catch (error) {
    if (!hasCode(storeError(file, error), 'store_busy')) throw error
    return true
  }
}

function lockFile(folder: string, role: string | undefined): string {
  return join(folder, role === undefined ? 'flowguard.lock' : `flowguard.${role}.lock`)
}
