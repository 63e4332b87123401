import { FlowGuardError, type ErrorCode } from '../../kernel/errors.ts'
import type { DriverError } from './snowflake-driver.ts'

/** https://docs.snowflake.com/en/user-guide/key-pair-auth-troubleshooting, and the driver's own: of the client above 400000, of Snowflake below. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  /** Statement was cancelled: by its client, for its time was over. */
  '000604': 'query_stopped',
  '000630': 'query_stopped',
  /** No database of that name, or not for this role; nothing to ask without one. */
  '390201': 'warehouse_missing',
  '090105': 'warehouse_missing',
  /** Another transaction holds the lock, or was there first. */
  '000625': 'warehouse_failed',
  '000635': 'warehouse_failed',
  '000609': 'warehouse_failed',
  /** The session is over: another is opened. */
  '390104': 'warehouse_failed',
  '390111': 'warehouse_failed',
  '390112': 'warehouse_failed',
  '390114': 'warehouse_failed',
}
/** Signing in: user, password, key, account, role, network policy. */
const DENIED = /^(3901(?!04|11|12|14)|3903|3904|3944|4042|40401|4055)/
/** The client could not ask, or got no answer. */
const UNREACHED = /^40(0|1|7|55)/
const CONFLICT = /conflict on|transactioncontext|write-write conflict/i

/** A failure of Snowflake as an error of ours. `otherwise` is what it is where nothing is wrong with the way there. */
export function snowflakeError(what: string, error: unknown, otherwise: ErrorCode): unknown {
  if (!(error instanceof Error) || error instanceof FlowGuardError) return error
  const code = codeOf(error) ?? otherwise
  const detail = error.message.replace(/^\d{6} \(\w+\): /, '').trim()
  return new FlowGuardError(code, code === 'query_failed' ? detail : `${what}: ${detail}${hintOf(error)}`, error)
}

/** The driver says no more than that it was refused. */
const hintOf = (error: Error) => (statusOf(error) === 403 || statusOf(error) === 404 ? ' (is the account right?)' : '')
const statusOf = (error: Error) => (error as { response?: { statusCode?: number } }).response?.statusCode

function codeOf(error: DriverError): ErrorCode | undefined {
  const code = String(error.code ?? '').padStart(6, '0')
  const status = statusOf(error)
  if (status === 403 || status === 404) return 'warehouse_denied'
  if (CODES[code]) return CODES[code]
  if (DENIED.test(code)) return 'warehouse_denied'
  if (UNREACHED.test(code)) return 'warehouse_failed'
  if (/^interrupt error/i.test(error.message)) return 'query_stopped'
  return CONFLICT.test(error.message) ? 'warehouse_failed' : undefined
}
