import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { holderOf } from '../kernel/lock.ts'
import type { Answer, Limits } from '../warehouse/warehouse.ts'
import { openWarehouseToRead } from '../wiring/warehouse.ts'
import type { Context } from './cli.ts'
import { keyForOps, refused, request } from './http.ts'

/** How much later than the warehouse the operations API may answer. */
const ANSWER_MS = 10_000

export type AskWarehouse = (sql: string, limits: Limits) => Promise<Answer>

/**
 * Asks the warehouse for as long as the work takes: Snowflake; or the file itself, and where a process of FlowGuard has it, that process. The locks
 * decide, so that the answer is always of this folder. Throws `warehouse_held` where neither can be asked.
 */
export async function withWarehouse<T>({ settings }: Context, work: (ask: AskWarehouse) => Promise<T>): Promise<T> {
  await using file = openWarehouseToRead(settings)
  // FlowGuard may have yet to open it.
  let isHeld = file.dialect === 'duckdb' && holderOf(settings.DATA_DIR, 'ops') !== undefined
  return await work(async (sql, limits) => {
    if (!isHeld) {
      try {
        return await file.query(sql, limits)
      } catch (error) {
        if (!hasCode(error, 'warehouse_held')) throw error
        isHeld = true
      }
    }
    return askOps(settings, sql, limits)
  })
}

async function askOps(settings: Context['settings'], sql: string, { rowsMax, timeoutMs }: Limits): Promise<Answer> {
  const url = `${settings.OPS_URL}/api/sql`
  const body = JSON.stringify({ sql, rows_max: rowsMax, timeout_ms: timeoutMs })
  const answer = await request(url, { method: 'POST', body, key: keyForOps(settings), timeoutMs: timeoutMs + ANSWER_MS }).catch(
    (error: unknown) => {
      throw new FlowGuardError('warehouse_held', `the warehouse file is in use, and ${(error as Error).message}`, error)
    },
  )
  if (answer.status === 200) return answer.body as Answer
  throw refused(url, answer)
}
