import { isAscii, isUtf8 } from 'node:buffer'
import { RAW_TOPICS, type Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { LogRecord, Place } from '../event-log.ts'
import {
  accessConf,
  connected,
  disconnected,
  ERR,
  unavailable,
  type Driver,
  type DriverError,
  type KafkaConsumer,
  type Message,
} from './kafka-driver.ts'
import { add, goesOnAt, holds, isFull, isHungry, passTo, stretchAt, type Stretch } from './kafka-stretch.ts'

/** Made into records in one go: nothing else runs meanwhile. */
const CONSUME_COUNT_MAX = 1_000
/** The driver says when there is something; asked besides, should a word of it be lost. */
const LOOK_MS = 50

/**
 * A broker answers at the latest after so long when there is nothing, and is told of a partition that is added or moved only then.
 * Longer means fewer idle requests, and a longer wait for who begins to read.
 */
const IDLE_FETCH_MS = 100

const CONSUMER_CONF = {
  // Never joined: places are our readers' own.
  'group.id': 'flowguard.reading',
  'enable.auto.commit': false,
  'enable.auto.offset.store': false,
  'enable.partition.eof': true,
  'isolation.level': 'read_committed',
  'check.crcs': true,
  'fetch.wait.max.ms': IDLE_FETCH_MS,
  'fetch.queue.backoff.ms': 5,
  'queued.min.messages': 50_000,
  'queued.max.messages.kbytes': 4 * 1024,
  'max.partition.fetch.bytes': 256 * 1024,
}

/** No transaction ever wrote there, and nothing is compacted. */
const isDense = (topic: Topic) => (RAW_TOPICS as readonly Topic[]).includes(topic)

export type Lane = ReturnType<typeof openLane>

/**
 * One consumer, with at most one stretch of each partition. What it had fetched of a partition before it was told of another place cannot be told from what it fetches
 * there: so it begins each partition once, and who wants another place of it takes another lane.
 */
export function openLane(driver: Driver, address: KafkaAddress) {
  const stretches = new Map<string, Stretch>()
  const begun = new Set<string>()
  let usedAt = performance.now()
  const nameOf = ({ topic, partition }: { topic: Topic; partition: number }) => ({ topic: address.prefix + topic, partition })
  const keyOf = ({ topic, partition }: { topic: Topic; partition: number }) => `${address.prefix}${topic}/${partition}`

  const pump = openPump(new driver.KafkaConsumer(...confOf(address, () => pump.wake())), holdBack)
  const { consumer } = pump
  // Told one by one, in their order among the ends: what is given in one answer has lost that.
  consumer.on('data', (message) => {
    const stretch = stretches.get(`${message.topic}/${message.partition}`)
    if (stretch && goesOnAt(stretch, message.offset, isDense(stretch.topic))) add(stretch, recordOf(message, stretch.topic))
  })
  consumer.on('partition.eof', ({ topic, partition, offset }) => {
    const stretch = stretches.get(`${topic}/${partition}`)
    if (!stretch || !goesOnAt(stretch, offset, isDense(stretch.topic))) return
    stretch.to = offset
    stretch.isAtEnd = true
  })

  function holdBack(): void {
    for (const stretch of stretches.values()) {
      if (stretch.isPaused || !isFull(stretch)) continue
      stretch.isPaused = true
      consumer.pause([nameOf(stretch)])
    }
  }

  /** Of what its reader has passed. One that has taken all would wait for ever else for more of a stretch that is held back. */
  function letGo(stretch: Stretch, next: number): void {
    passTo(stretch, next)
    if (!stretch.isPaused || !isHungry(stretch)) return
    stretch.isPaused = false
    consumer.resume([nameOf(stretch)])
  }

  function leave(stretch: Stretch): void {
    if (stretch.isLeft) return
    stretch.isLeft = true
    stretches.delete(keyOf(stretch))
    consumer.incrementalUnassign([nameOf(stretch)])
  }

  return {
    /** The stretch that holds the place, for somebody who reads there now. */
    find(place: Place): Stretch | undefined {
      const stretch = stretches.get(keyOf(place))
      if (!stretch || !holds(stretch, place.next)) return undefined
      usedAt = stretch.usedAt = performance.now()
      letGo(stretch, place.next)
      return stretch
    },
    hasBegun: (topic: Topic, partition: number): boolean => begun.has(keyOf({ topic, partition })),
    /** Begins a stretch at the place, of a partition that has never begun here; filled from `to` on. Rejects where no broker answers. */
    async begin(place: Place, to = place.next): Promise<Stretch> {
      const key = keyOf(place)
      begun.add(key)
      await pump.ready
      const stretch = stretchAt(place, to)
      stretch.isLeft = pump.isClosed()
      if (stretch.isLeft) return stretch
      stretches.set(key, stretch)
      consumer.incrementalAssign([{ ...nameOf(stretch), offset: to }])
      return stretch
    },
    leave,
    /** What lies before the offset is gone. */
    forget(topic: Topic, partition: number, before: number): void {
      const stretch = stretches.get(keyOf({ topic, partition }))
      if (stretch && stretch.from < before) leave(stretch)
    },
    /** When somebody read here last, of `performance.now()`. */
    usedAt: (): number => usedAt,
    leaveUnused(before: number): void {
      for (const stretch of stretches.values()) if (stretch.usedAt < before) leave(stretch)
    },
    /** Resolves once the condition holds, or to false at the deadline (of `performance.now`). Rejects with what the driver could not do. */
    filled: (isFilled: () => boolean, deadline: number): Promise<boolean> => pump.filled(isFilled, deadline),
    /** Something cannot be read, of which partition is not known: each is looked into by itself where what was fetched before ends. */
    doubt(): void {
      for (const stretch of stretches.values()) stretch.gapTo ??= stretch.to
      holdBack()
      pump.mend()
    },
    /** Whoever reads here begins anew in another. */
    async [Symbol.asyncDispose](): Promise<void> {
      for (const stretch of stretches.values()) stretch.isLeft = true
      stretches.clear()
      await pump[Symbol.asyncDispose]()
    },
  }
}

const confOf = (address: KafkaAddress, onReady: () => void) =>
  [{ ...accessConf(address), ...CONSUMER_CONF, queue_non_empty_cb: onReady }, { 'auto.offset.reset': 'error' }] as const

/** Fetches while somebody waits; what is fetched ahead of that lies in the driver, which has its own limits. */
function openPump(consumer: KafkaConsumer, onFetched: () => void) {
  const waiters = new Set<() => void>()
  let wake: (() => void) | undefined
  let isPumping = false
  let isClosed = false
  let failure: { error: DriverError } | undefined
  consumer.on('event.error', () => undefined)
  const ready = connected(consumer).then(() => consumer.setDefaultConsumeTimeout(0))

  const consume = () =>
    new Promise<number>((resolve) => {
      consumer.consume(CONSUME_COUNT_MAX, (error, messages) => {
        if (error) failure = { error }
        resolve(messages?.length ?? 0)
      })
    })

  async function pump(): Promise<void> {
    if (isPumping) return
    isPumping = true
    while (waiters.size > 0 && !isClosed) {
      const count = await consume()
      onFetched()
      for (const waiter of waiters) waiter()
      if (count > 0 || waiters.size === 0) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      wake = undefined
    }
    isPumping = false
  }

  return {
    consumer,
    ready,
    isClosed: () => isClosed,
    wake: () => wake?.(),
    /** What went wrong is known. */
    mend(): void {
      failure = undefined
    },
    filled(isFilled: () => boolean, deadline: number): Promise<boolean> {
      return new Promise((resolve, reject) => {
        const end = (work: () => void) => {
          clearTimeout(timer)
          waiters.delete(look)
          work()
        }
        const look = () => {
          if (isFilled()) end(() => resolve(true))
          else if (failure) end(() => reject((failure as { error: DriverError }).error))
          else if (isClosed) end(() => resolve(false))
        }
        const timer = setTimeout(() => end(() => resolve(isFilled())), Math.max(0, deadline - performance.now()))
        waiters.add(look)
        look()
        wake?.()
        void pump()
      })
    },
    async [Symbol.asyncDispose](): Promise<void> {
      isClosed = true
      for (const waiter of waiters) waiter()
      wake?.()
      await ready.then(
        () => disconnected(consumer),
        () => undefined,
      )
    },
  }
}

function recordOf({ partition, offset, key, value, headers, timestamp }: Message, topic: Topic): LogRecord {
  const found: Record<string, string> = {}
  for (const header of headers ?? []) for (const name of Object.keys(header)) found[name] = textOf(header[name] as Buffer)
  const record: LogRecord = {
    topic,
    partition,
    offset,
    key: key && textOf(key),
    value: value ? textOf(value) : '',
    headers: found,
    appendedAt: timestamp,
    memo: null,
  }
  if (value && !isUtf8(value)) record.bytes = value
  return record
}

/** For half of what decoding UTF-8 costs. */
function textOf(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
}

/** What the driver's error means to a reader whose place is all right. */
export function readError(error: Error): FlowGuardError {
  if (error instanceof FlowGuardError) return error
  const { code } = error as DriverError
  if (code === ERR.badMessage || code === ERR.badFormat) {
    return new FlowGuardError('store_corrupt', `Kafka gave what are no sound records: ${error.message}`, error)
  }
  return unavailable('the log cannot be read', error)
}
