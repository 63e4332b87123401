import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pino, type Logger } from 'pino'
import { guarded } from './sqlite.ts'

export type { Logger } from 'pino'

const FILE_BYTES_MAX = 16 * 1024 * 1024

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
  const bytesNow = () => (existsSync(file) ? statSync(file).size : 0)
  let bytes = bytesNow()
  const rotated = {
    write(line: string) {
      if (bytes > FILE_BYTES_MAX) {
        // Unless another process has done so meanwhile.
        if (bytesNow() > FILE_BYTES_MAX) renameSync(file, `${file}.1`)
        lines.reopen()
        bytes = bytesNow()
      }
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
