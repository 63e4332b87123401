import type { Topic } from '@flowguard/contract'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { EventLog } from './event-log.ts'
import type { TopicSpecs } from './topics.ts'

const EVERY_MS = 60_000

type Passed = () => ReadonlyMap<number, number> | Promise<ReadonlyMap<number, number>>

interface Options {
  log: Pick<EventLog, 'trim'>
  topics: TopicSpecs
  /** The topics to keep an eye on, and, for those that have readers, the offset in each partition that all of them have passed. */
  readBefore: Partial<Record<Topic, Passed>>
  clock: Clock
  logger: Logger
}

/** Deletes what its topic no longer keeps, by the time of appending; never what a reader has yet to read. */
export function retention({ log, topics, readBefore, clock, logger }: Options): Part {
  return async (signal) => {
    while (!signal.aborted) {
      for (const [topic, passed] of Object.entries(readBefore) as [Topic, Passed][]) {
        try {
          const deleted = await log.trim(topic, { appendedBefore: clock() - topics[topic].retentionMs, readBefore: await passed() })
          if (deleted > 0) logger.info({ topic, deleted }, 'retention')
        } catch (error) {
          if (!(error instanceof FlowGuardError && error.retriable)) throw error
          logger.warn({ topic, err: error }, 'retention could not delete; it tries again in a minute')
        }
      }
      await pause(EVERY_MS, signal)
    }
  }
}
