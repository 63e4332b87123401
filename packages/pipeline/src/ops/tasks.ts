import { alert, alerts } from './alerts.ts'
import { audit } from './audit.ts'
import { recordAt, records } from './browse.ts'
import { deadRound } from './dead-round.ts'
import { deadEdit, deadLetter, deadLetters } from './dead.ts'
import { figures } from './figures.ts'
import { journeyOf } from './journey.ts'
import type { Stores } from './stores.ts'
import { topics } from './topics.ts'
import { traceEvent } from './trace.ts'

/** The questions whose answers take a look at many rows: not for the thread in which readers and HTTP run. */
export const TASKS = {
  alert,
  alerts,
  audit,
  records,
  recordAt,
  topics,
  trace: traceEvent,
  journey: journeyOf,
  figures,
  deadEdit,
  deadLetter,
  deadLetters,
  deadRound,
} as const

export type TaskName = keyof typeof TASKS
export type TaskArgs<K extends TaskName> = Parameters<(typeof TASKS)[K]> extends [Stores, ...infer Rest] ? Rest : never
export type TaskResult<K extends TaskName> = Awaited<ReturnType<(typeof TASKS)[K]>>

/** Asks a question about the stores, and has it answered elsewhere. Rejects as the task does. */
export type Ask = <K extends TaskName>(name: K, ...args: TaskArgs<K>) => Promise<TaskResult<K>>
