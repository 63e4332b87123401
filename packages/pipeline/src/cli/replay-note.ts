import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { guarded } from '../kernel/sqlite.ts'
import type { Retime } from './replay-batches.ts'

/** How far a file has come at a gateway: kept so that an interrupted replay goes on, and the same file is known again. */
export interface ReplayNote {
  file: string
  sha256: string
  gateway: string
  /** All events up to and with this line have been answered. */
  line: number
  finished: boolean
  /** How its times were moved, so that what is sent again is the same as before. */
  retime: Retime | null
  updated_at: string
}

/** A note of one file and one log: where the log was put away, another begins, and nothing was sent to it. */
export function notePath(dataDir: string, sha256: string, logId: string): string {
  const log = createHash('sha256').update(logId).digest('hex')
  return join(dataDir, 'replay', `${sha256.slice(0, 32)}-${log.slice(0, 8)}.json`)
}

/** Undefined where there is none, or none that can be read: then the file begins at its beginning, and its ids keep it from counting twice. */
export function readNote(path: string): ReplayNote | undefined {
  try {
    const note = JSON.parse(readFileSync(path, 'utf8')) as ReplayNote
    return Number.isSafeInteger(note.line) && typeof note.finished === 'boolean' ? note : undefined
  } catch {
    return undefined
  }
}

/** Whole or not at all, whenever the process dies. */
export function writeNote(path: string, note: ReplayNote): void {
  guarded(path, () => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, `${JSON.stringify(note, null, 2)}\n`)
    renameSync(`${path}.new`, path)
  })
}
