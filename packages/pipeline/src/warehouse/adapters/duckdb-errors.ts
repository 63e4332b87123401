import { FlowGuardError, type ErrorCode } from '../../kernel/errors.ts'

/** The first that the message matches. DuckDB gives no codes, only texts that begin with the kind of error. */
const KINDS: readonly [RegExp, ErrorCode][] = [
  [/no space left|disk quota|file too large|not enough space/i, 'disk_full'],
  [/could not set lock on file|used by another process/i, 'warehouse_held'],
  [/can only read versions? between|newer version of duckdb|unsupported storage version/i, 'store_newer'],
  [
    /not a valid duckdb database|could not read enough bytes|corrupt|checksum|serialization error|failed to deserialize|wal file/i,
    'warehouse_corrupt',
  ],
  [/permission denied|read-only file system|cannot open file/i, 'store_unwritable'],
  [/^interrupt error/i, 'query_stopped'],
]
/** After one of these DuckDB answers nothing any more until the file is opened again. */
const FATAL = /^(fatal|internal) error|database has been invalidated/i

export const isFatal = (error: unknown): boolean => error instanceof Error && FATAL.test(error.message)

/** A failure of DuckDB as an error of ours. `otherwise` is what it is where nothing is wrong with the file or the machine. */
export function duckdbError(path: string, error: unknown, otherwise: ErrorCode): unknown {
  if (!(error instanceof Error) || error instanceof FlowGuardError) return error
  const code = KINDS.find(([text]) => text.test(error.message))?.[1] ?? (isFatal(error) ? 'warehouse_failed' : otherwise)
  const detail = otherwise === code ? error.message : `${path}: ${error.message}`
  return new FlowGuardError(code, detail.trim(), error)
}
