import type { Topic } from '@flowguard/contract'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { EventLog } from '../../log/event-log.ts'

interface Deleted {
  topic: Topic
  partition: number
  before: number
}

/** The log as one that deletes by itself has it: of a partition, what lies before an offset is gone, whoever has yet to read it. */
export function logWithout(log: EventLog, { topic, partition, before }: Deleted): EventLog {
  return {
    ...log,
    async ends(asked) {
      const ends = await log.ends(asked)
      return asked === topic ? ends.map((each) => (each.partition === partition ? { ...each, start: before } : each)) : ends
    },
    async read(places, limit) {
      const place = places.find((each) => each.topic === topic && each.partition === partition)
      if (place && place.next < before) throw new FlowGuardError('log_expired', `${topic}-${partition} begins at ${before}`)
      return log.read(places, limit)
    },
  }
}
