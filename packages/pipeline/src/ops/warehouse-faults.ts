import type { Fault } from '../http/problems.ts'
import { FlowGuardError, type ErrorCode } from '../kernel/errors.ts'

/** What is the asker's to mend, and what is not. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  etl_running: 409,
  model_missing: 422,
  click_missing: 422,
  not_level: 409,
  not_whole: 409,
  warehouse_unsupported: 409,
  query_refused: 422,
  query_failed: 422,
  query_stopped: 422,
  warehouse_held: 503,
  warehouse_missing: 503,
  warehouse_corrupt: 503,
  warehouse_denied: 503,
  driver_missing: 503,
  warehouse_failed: 503,
}
const RETRY_AFTER = { 'retry-after': '5' }

/** How a route answers where the warehouse did not: undefined for what is a fault of its own. */
export function warehouseFault(error: unknown): Fault | undefined {
  if (!(error instanceof FlowGuardError)) return undefined
  const { code, message } = error
  const status = STATUS[code]
  if (status === undefined) return undefined
  if (status !== 503) return { status, code, detail: message }
  // Paths are the operator's business.
  return { status, code, detail: 'the warehouse cannot be asked just now', headers: RETRY_AFTER }
}
