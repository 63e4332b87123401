import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pino, type Logger } from 'pino'
import { guarded } from './sqlite.ts'

export type { Logger } from 'pino'

const FILE_BYTES_MAX = 16 * 1024 * 1024

export interface LogOptions {
  /** The process: its file is named so. */
  name: string
  file: string
  level: string
  /** From which level on lines go to stderr too. */
  stderrLevel: string
}

/** JSON lines into a file of the process's own, the important ones to stderr as well. A file grown large is kept once, as `.1`. */
export function createLogger({ name, file, level, stderrLevel }: LogOptions): Logger {
  guarded(file, () => mkdirSync(dirname(file), { recursive: true }))
  const lines = pino.destination({ dest: file, sync: true })
  // A full disk must not end the process that tells of it: stderr still hears what matters.
  lines.on('error', () => undefined)
  let bytes = existsSync(file) ? statSync(file).size : 0
  const rotated = {
    write(line: string) {
      if (bytes > FILE_BYTES_MAX) {
        renameSync(file, `${file}.1`)
        lines.reopen()
        bytes = 0
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
