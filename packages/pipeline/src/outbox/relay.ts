import { ORDERS } from '@flowguard/contract'
import { step } from '../kernel/crash.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { measures } from '../kernel/measures.ts'
import { receivedMsOf } from '../kernel/received.ts'
import { BACKOFF, retried, type Backoff } from '../kernel/retry.ts'
import type { Database, OutboxRow } from '../database/database.ts'
import type { EventLog } from '../log/event-log.ts'

const BATCH_COUNT_MAX = 1_000
const POLL_MS = 20
/** How long it goes on shipping after it was told to stop; what is left then stays in the outbox for the next start. */
const DRAIN_MS = 5_000

interface Options {
  database: Pick<Database, 'outbox' | 'shipped' | 'outboxVersion'>
  log: Pick<EventLog, 'append'>
  logger: Logger
  backoff?: Backoff
  drainMs?: number
}

/**
 * Ships the outbox to the log, in the order of its rows, by one hand: so the orders of a user stay in order. At least once: what dies between
 * the log's answer and the outbox's ships again, and every reader recognises repeats.
 */
export function relay({ database, log, logger, backoff = BACKOFF, drainMs = DRAIN_MS }: Options): Part {
  const { relay: measured } = measures
  measured.isHere = true

  /** Resolves to undefined only when time is up. */
  async function lasting<T>(what: string, work: () => Promise<T>, end: AbortSignal): Promise<T | undefined> {
    let failed = false
    const result = await retried(
      async () => ({ value: await work() }),
      (error) => {
        if (!(error instanceof FlowGuardError) || !error.retriable) return false
        measured.failures += 1
        if (!failed) logger.warn({ err: error, code: error.code }, `relay: ${what} failed, trying again: ${error.message}`)
        failed = true
        return true
      },
      end,
      backoff,
    )
    if (failed && result) logger.info(`relay: ${what} works again`)
    return result?.value
  }

  /** Ships until the outbox is empty or time is up. */
  async function shipAll(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      const rows = await lasting('reading the outbox', () => database.outbox(BATCH_COUNT_MAX), end)
      const last = rows?.at(-1)
      if (rows) measured.oldestMs = oldestOf(rows)
      if (!rows || !last) return
      const startedAt = performance.now()
      const records = rows.map((row) => row.record)
      if (!(await lasting('appending orders to the log', () => log.append(ORDERS, records), end))) return
      step('relay.after-append')
      // By itself, so that a store that cannot forget them just now does not have them appended again.
      await lasting('clearing the outbox', () => database.shipped(last.id), end)
      step('relay.after-delete')
      measured.shipped += records.length
      measured.seconds.observe((performance.now() - startedAt) / 1_000)
    }
  }

  return async (signal) => {
    const end = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const stop = () => {
      timer = setTimeout(() => end.abort(), drainMs)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        const seen = await lasting('watching the outbox', () => database.outboxVersion(), end.signal)
        await shipAll(end.signal)
        await changed(seen, signal)
      }
      await shipAll(end.signal)
    } finally {
      signal.removeEventListener('abort', stop)
      clearTimeout(timer)
    }
  }

  async function changed(seen: string | undefined, signal: AbortSignal): Promise<void> {
    do await pause(POLL_MS, signal)
    while (!signal.aborted && (await lasting('watching the outbox', () => database.outboxVersion(), signal)) === seen)
  }
}

/** When the first order among the rows was received: heartbeats among them say no such thing. */
function oldestOf(rows: readonly OutboxRow[]): number | undefined {
  for (const { record } of rows) {
    const receivedMs = receivedMsOf(String(record.value))
    if (receivedMs !== undefined) return receivedMs
  }
  return undefined
}
