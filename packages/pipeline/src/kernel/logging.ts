import { mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pino, type Logger } from 'pino'
import { guarded } from './sqlite.ts'

export type { Logger } from 'pino'

const FILE_BYTES_MAX = 16 * 1024 * 1024
/** How long lines may go into a file that another process has set aside. */
const LOOK_MS = 1_000

/** The folder of the log files in a data folder. */
export const LOGS = 'logs'

/**
 * JSON lines into the file of that name, the important ones (from `stderrLevel` on) to stderr as well. A file grown large is kept once, as `.1`. Processes of
 * one name may share it.
 */
export function createLogger(
  name: string,
  { DATA_DIR, LOG_LEVEL: level }: { DATA_DIR: string; LOG_LEVEL: string },
  stderrLevel: string,
): Logger {
  const folder = join(DATA_DIR, LOGS)
  const file = join(folder, `${name}.log`)
  guarded(file, () => mkdirSync(folder, { recursive: true }))
  const lines = pino.destination({ dest: file, sync: true })
  // A full disk must not end the process that tells of it: stderr still hears what matters.
  lines.on('error', () => undefined)
  let { ino, size: bytes } = statSync(file)
  let lookedAt = performance.now()

  /** Sets a file grown large aside, and goes on with the one that has the name now: another process may have done that. */
  function look() {
    lookedAt = performance.now()
    const now = statSync(file, { throwIfNoEntry: false })
    if (now?.ino === ino && now.size <= FILE_BYTES_MAX) return
    if (now?.ino === ino) renameSync(file, `${file}.1`)
    lines.reopen()
    void ({ ino, size: bytes } = statSync(file))
  }

  const rotated = {
    write(line: string) {
      if (bytes > FILE_BYTES_MAX || performance.now() - lookedAt > LOOK_MS) look()
      bytes += line.length
      lines.write(line)
    },
  }
  return pino(
    { name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.multistream([
      { stream: rotated, level: level as pino.Level },
      { stream: pino.destination({ dest: 2, sync: true }), level: stderrLevel as pino.Level },
    ]),
  )
}

export const silentLogger: Logger = pino({ level: 'silent' })
