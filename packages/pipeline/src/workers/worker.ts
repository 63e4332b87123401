import { setTimeout as wait } from 'node:timers/promises'
import { GENERAL } from '@flowguard/contract'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import { pause, runAll } from '../kernel/lifecycle.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logging.ts'
import { observeReader } from '../kernel/observer.ts'
import type { EventLog } from '../log/event-log.ts'
import { readerRounds, type Reading } from '../reader/rounds.ts'
import { laneEffects } from './effects.ts'
import type { Work } from './enrich.ts'
import { leasesOf } from './leases.ts'
import { WORKERS } from './processor.ts'
import type { LaneTables } from './tables.ts'

const RETRY_POLL_MS = 100
/** Of one transaction: others wait for its end, and so does all else in this process. */
const BATCH_COUNT_MAX = 1_000
/** A transaction costs as much as a hundred events, and its flush holds up the gateway's: while few come, those of so long a time share one. */
const GATHER_MS = 100

export interface WorkerOptions {
  /** The worker's own name, unlike any other's. */
  name: string
  /** Where the general events are. */
  log: EventLog
  store: LaneTables
  work: Work
  clock: Clock
  random: () => number
  logger: Logger
}

/** One worker of the general lane: it reads the partitions that it holds, and tries again what is due. */
export function worker({ name, log, store, work, clock, random, logger }: WorkerOptions): Part {
  const observer = observeReader(WORKERS, clock)
  const effects = laneEffects({ store, worker: name, work, clock, random, logger, observer })
  const leases = leasesOf({ store, owner: name, partitions: log.partitions(GENERAL), clock, logger })
  const reading: Reading = {
    name: WORKERS,
    topics: [GENERAL],
    log: gathering(log),
    batchCountMax: BATCH_COUNT_MAX,
    isMine: ({ partition }) => leases.isMine(partition),
  }
  const retry: Part = async (signal) => {
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await effects.retryDue()) > 0) await pause(0, signal)
      } catch (error) {
        if (!(error instanceof FlowGuardError && error.retriable)) throw error
        logger.warn({ worker: name, err: error }, 'what is due cannot be tried again just now')
      }
      await pause(RETRY_POLL_MS, signal)
    }
  }
  return async (signal) => {
    try {
      await runAll([leases.keep, readerRounds(reading, effects, { logger, observer }), retry], signal)
    } finally {
      await leases.release()
    }
  }
}

/** The log as a worker reads it: again at once only where there is much to read. */
function gathering(log: EventLog): EventLog {
  let isMuch = false
  return {
    ...log,
    async read(places, limit) {
      if (!isMuch) await wait(GATHER_MS)
      const records = await log.read(places, limit)
      isMuch = records.length === limit.countMax
      return records
    },
  }
}
