import type { DatabaseSync } from 'node:sqlite'
import { Alert, ALERTS, Compile, DEAD } from '@flowguard/contract'
import { step } from '../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause, type Clock, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { observeReader } from '../kernel/observer.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import type { LogRecord, TransactionalLog } from '../log/event-log.ts'
import { lettersOf, movesOf, recordOf, refuseOtherLog, sayDead } from '../reader/loop.ts'
import { placesIn, type Fate, type Standing } from '../reader/places.ts'
import { readerRounds, type Committed, type Effects, type TooOften } from '../reader/rounds.ts'
import { concerns, type Channel } from './channels.ts'
import { deliveriesIn, readerOf, type Delivery } from './deliveries.ts'
import { messageOf } from './message.ts'
import { Unavailable, type Sender } from './sender.ts'

export interface ChannelStore {
  db: DatabaseSync
  path: string
  /** Holds `alerts.v1`. */
  derived: TransactionalLog
  clock: Clock
  logger: Logger
  consoleUrl: string
}

const schema = Compile(Alert)
/** However long a receiver asks to be left alone. */
const RETRY_AFTER_MS_MAX = 10 * 60_000
/** One alert a transaction: what was sent is known to be, whatever becomes of the next. */
const BATCH_COUNT = 1

/**
 * Sends what comes into `alerts.v1` through one channel. The place moves once the receiver has taken the alert: a channel that is down waits for itself alone and
 * loses none, and what was sent when the process died is sent again under the same id. What was sent when the store could not be written is not.
 */
export function channelReader(channel: Channel, sender: Sender, store: ChannelStore): Part {
  const { derived, clock, logger } = store
  const name = readerOf(channel.name)
  const observer = observeReader(name, clock)
  return (signal) => {
    const reading = { name, topics: [ALERTS], log: derived, batchCountMax: BATCH_COUNT } as const
    return readerRounds(reading, effectsOf(channel, sender, store, signal), { logger, observer })(signal)
  }
}

function effectsOf(
  channel: Channel,
  sender: Sender,
  { db, path, derived, clock, logger, consoleUrl }: ChannelStore,
  signal: AbortSignal,
): Effects {
  const reader = readerOf(channel.name)
  const places = placesIn(db, reader)
  const deliveries = deliveriesIn(db)
  let quietUntil = 0
  /** What was done with a record whose transaction has yet to commit: a full disk makes no second message. */
  let done: Delivery | undefined

  /** Sends one, and resolves to what is to be kept of that. Rejects where it may be taken later, and notes that. */
  async function delivered(alert: Alert, record: LogRecord): Promise<Delivery> {
    if (quietUntil > clock()) await pause(quietUntil - clock(), signal)
    const { topic, partition, offset } = record
    const message = messageOf(alert, { id: `${derived.id}/${topic}-${partition}-${offset}`, consoleUrl })
    const before = guarded(path, () => deliveries.trouble(channel.name))
    const made = { offset, alertId: alert.alert_id, heading: message.heading, tries: (before?.tries ?? 0) + 1 }
    try {
      const detail = await sender.send(message, signal)
      step('notify.after-send')
      return { ...made, outcome: 'delivered', detail, at: clock() }
    } catch (error) {
      if (signal.aborted || !(error instanceof FlowGuardError)) throw signal.aborted ? new Unavailable('it is being stopped') : error
      if (hasCode(error, 'channel_refused')) {
        logger.error(
          { reader, alert_id: alert.alert_id, code: error.code, err: error },
          'the channel refuses this alert for good: it is passed',
        )
        return { ...made, outcome: 'refused', detail: error.message, at: clock() }
      }
      guarded(path, () => deliveries.fail(channel.name, error.message, clock()))
      if (error instanceof Unavailable) quietUntil = clock() + Math.min(error.retryAfterMs, RETRY_AFTER_MS_MAX)
      throw error
    }
  }

  async function commit(batch: readonly LogRecord[], standings: readonly Standing[], dead?: TooOften): Promise<Committed> {
    const fates: Fate[] = []
    const made: Delivery[] = []
    for (const record of batch) {
      const alert = dead ? undefined : alertOf(record)
      if (dead) fates.push({ dead: 'handler_failed', detail: dead.detail })
      else if (typeof alert === 'string') fates.push({ dead: 'invalid_event', detail: alert })
      else if (alert === undefined || !concerns(channel, alert)) fates.push('skipped')
      else {
        if (done?.offset !== record.offset) done = await delivered(alert, record)
        made.push(done)
        fates.push(done.outcome === 'delivered' ? 'applied' : 'skipped')
      }
    }
    const letters = lettersOf(reader, batch, fates, dead?.tries ?? 1, clock())
    const moves = movesOf(reader, batch, fates, standings, () => -1)
    guarded(path, () =>
      transaction(db, () => {
        if (letters.length > 0) derived.appendNow(DEAD, letters.map(recordOf))
        for (const each of made) deliveries.write(channel.name, each)
        if (made.length > 0) deliveries.mended(channel.name)
        for (const move of moves) places.move(move)
      }),
    )
    sayDead(logger, letters)
    step('reader.after-commit')
    return { fates, moves }
  }

  return {
    // Not with what is kept of a month: whoever adds a channel wants to hear what happens from then on.
    async begin(logId) {
      const ends = await derived.ends(ALERTS)
      guarded(path, () =>
        transaction(db, () => {
          refuseOtherLog(reader, logId, places.standings())
          for (const { partition, end } of ends) places.begin(logId, { topic: ALERTS, partition, next: end })
        }),
      )
    },
    reload: () => guarded(path, places.standings),
    expire: (stretches) => guarded(path, () => transaction(db, () => stretches.forEach((each) => places.expire(each)))),
    commit,
  }
}

/** The record's alert, or what is wrong with it. */
function alertOf({ value, bytes }: LogRecord): Alert | string {
  if (bytes) return 'not UTF-8'
  try {
    const alert: unknown = JSON.parse(value)
    if (schema.Check(alert)) return alert
    const fault = schema.Errors(alert)[0]
    return `${fault?.instancePath || '/'} ${fault?.message}`
  } catch (error) {
    return `not JSON: ${(error as Error).message}`
  }
}
