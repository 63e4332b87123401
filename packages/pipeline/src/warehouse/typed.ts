import { FlowGuardError } from '../kernel/errors.ts'
import type { Value } from './warehouse.ts'

const WAITING_MAX = 16
/** Of an answer, in this process's own memory, which others need. */
const ANSWER_CHARS_MAX = 64 * 1024 * 1024

export type InTurn = <T>(timeoutMs: number, work: () => Promise<T>) => Promise<T>

/** Statements that people type, so many at a time. What is waited for longer than an answer may take is not asked any more. */
export function turns(countMax: number): InTurn {
  let running = 0
  const waiting: (() => void)[] = []

  async function turn(timeoutMs: number): Promise<void> {
    if (waiting.length >= WAITING_MAX) throw new FlowGuardError('warehouse_failed', `${WAITING_MAX} questions wait already`)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    waiting.push(resolve)
    const timer = setTimeout(() => {
      const at = waiting.indexOf(resolve)
      if (at < 0) return
      waiting.splice(at, 1)
      reject(tooLate(timeoutMs))
    }, timeoutMs)
    await promise.finally(() => clearTimeout(timer))
  }

  return async (timeoutMs, work) => {
    if (running >= countMax) await turn(timeoutMs)
    else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}

export const tooLate = (timeoutMs: number, cause?: unknown) =>
  new FlowGuardError('query_stopped', `no answer within ${timeoutMs / 1_000} s`, cause)

/** To be told each row of an answer. Throws `query_stopped` where all of them together are too long. */
export function charsMax(): (row: readonly Value[]) => void {
  let chars = 0
  return (row) => {
    chars += row.reduce<number>((sum, value) => sum + charsOf(value), 0)
    if (chars > ANSWER_CHARS_MAX) throw new FlowGuardError('query_stopped', `the answer is over ${ANSWER_CHARS_MAX} characters`)
  }
}

function charsOf(value: Value): number {
  if (typeof value === 'string') return value.length
  return typeof value === 'object' && value !== null ? JSON.stringify(value).length : 1
}
