import type { LogRecord } from '../log/event-log.ts'
import type { LoadStep } from './warehouse.ts'

/** The step of the record's partition, which goes on behind it now, and has read it. `last` is the step of the record before: mostly the same. */
export function stepBehind(steps: Map<string, LoadStep>, { topic, partition, offset }: LogRecord, last?: LoadStep): LoadStep {
  let step = last?.topic === topic && last.partition === partition ? last : steps.get(`${topic}/${partition}`)
  if (!step) {
    step = { topic, partition, from: offset, next: offset, read: 0, applied: 0, skipped: 0 }
    steps.set(`${topic}/${partition}`, step)
  }
  step.read += 1
  step.next = offset + 1
  return step
}
