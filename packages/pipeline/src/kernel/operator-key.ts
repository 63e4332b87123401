import { hash, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { guarded } from './sqlite.ts'

/** In the data folder: whoever may read that is its operator. */
export const OPERATOR_KEY_FILE = 'operator.key'
const KEY_BYTES = 32

/** The operator's key of a data folder, made where there is none. Throws `store_unwritable`, `disk_full`. */
export function operatorKeyIn(dataDir: string): string {
  const file = join(dataDir, OPERATOR_KEY_FILE)
  return guarded(file, () => {
    const known = readOperatorKey(dataDir)
    if (known !== undefined) return known
    mkdirSync(dataDir, { recursive: true })
    const whole = `${file}.${process.pid}`
    writeFileSync(whole, `fg_op_${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600 })
    try {
      // Whole or not at all, and never over another's.
      linkSync(whole, file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(whole, { force: true })
    }
    return readOperatorKey(dataDir) ?? ''
  })
}

/** Undefined where there is none yet, or where it is not for this user to read. */
export function readOperatorKey(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, OPERATOR_KEY_FILE), 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

/** Whether a key with this SHA-256 (hex) is the operator's. */
export function isOperatorsKey(dataDir: string): (sha256: string) => boolean {
  const own = hash('sha256', operatorKeyIn(dataDir))
  return (sha256) => sha256 === own
}
