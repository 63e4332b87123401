import type { DatabaseSync } from 'node:sqlite'
import { RAW_TOPICS, TOPICS, type RawTopic, type Topic } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { openReadOnly } from '../kernel/sqlite.ts'
import { retention } from '../log/retention.ts'
import { FILES } from '../ops/stores.ts'
import { passedIn } from '../reader/passed.ts'
import type { Machine } from './machine.ts'

/** Retention of the raw log, which goes no further than the pipeline's readers have come. */
export function retainRaw({ rawLog, topics, clock, logger, path }: Machine): Part {
  const stores = [FILES.pipeline, FILES.lane].map((file) => lookingAt(path(file)))
  const passed = (topic: RawTopic) => () =>
    passedIn(
      stores.map(({ db }) => db()),
      topic,
      topics[topic].partitions,
    )
  const readBefore = Object.fromEntries(RAW_TOPICS.map((topic) => [topic, passed(topic)]))
  const part = retention({ log: rawLog(), topics, clock, logger, readBefore })
  return async (signal) => {
    try {
      await part(signal)
    } finally {
      for (const { close } of stores) close()
    }
  }
}

/** Another process's store, opened once it is there. */
export function lookingAt(file: string): { db: () => DatabaseSync | undefined; close: () => void } {
  let opened: DatabaseSync | undefined
  return {
    db() {
      try {
        return (opened ??= openReadOnly(file))
      } catch (error) {
        if (hasCode(error, 'store_missing')) return undefined
        throw error
      }
    },
    close: () => opened?.close(),
  }
}

export async function retainDerived({ pipeline, topics, clock, logger }: Machine): Promise<Part> {
  const { db, derived } = await pipeline()
  const derivedTopics = TOPICS.filter((topic) => !(RAW_TOPICS as readonly Topic[]).includes(topic))
  const readBefore = Object.fromEntries(derivedTopics.map((topic) => [topic, () => passedIn([db], topic, topics[topic].partitions)]))
  return retention({ log: derived, topics, clock, logger, readBefore })
}
