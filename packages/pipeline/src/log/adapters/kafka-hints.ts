import type { KafkaAddress } from '../../kernel/addresses.ts'
import type { Logger } from '../../kernel/logging.ts'
import type { Place } from '../event-log.ts'
import { commitPlaces, coordinator } from './kafka-requests.ts'
import { wireTo, type Wire } from './kafka-wire.ts'

const EVERY_MS = 1_000

interface Group {
  name: string
  wire: Wire | undefined
  /** By topic and partition: yet to be told. */
  places: Map<string, Place>
  timer: NodeJS.Timeout | undefined
}

/**
 * Tells Kafka how far readers have come, as the places of groups `flowguard.READER`, so that its own tools show their lag. No reader goes by them: they are
 * told about once a second, and never waited for.
 */
export function kafkaHints(address: KafkaAddress, logger: Logger) {
  const groups = new Map<string, Group>()
  let isClosed = false
  let isFailing = false

  async function tell(group: Group): Promise<void> {
    const telling = group.places
    group.places = new Map()
    const places = [...telling.values()].map(({ topic, partition, next }) => ({ topic: address.prefix + topic, partition, next }))
    try {
      if (!group.wire?.isOpen) {
        using any = await wireTo(address)
        group.wire = await wireTo(address, [await coordinator(any, group.name)])
      }
      await commitPlaces(group.wire, group.name, places)
      isFailing = false
    } catch (error) {
      group.wire?.[Symbol.dispose]()
      group.wire = undefined
      // What was noted meanwhile is newer.
      group.places = new Map([...telling, ...group.places])
      if (!isFailing && !isClosed)
        logger.warn({ group: group.name, err: error }, 'the places of readers cannot be told to Kafka; nothing hangs on them')
      isFailing = true
    }
    if (isClosed) group.wire?.[Symbol.dispose]()
  }

  /** As often as there is something to tell: what could not be told, and what was noted meanwhile, is told next. */
  function tellSoon(group: Group): void {
    if (group.timer || isClosed || group.places.size === 0) return
    group.timer = setTimeout(() => {
      void tell(group).finally(() => {
        group.timer = undefined
        tellSoon(group)
      })
    }, EVERY_MS)
    group.timer.unref()
  }

  return {
    note(reader: string, places: readonly Place[]): void {
      if (isClosed) return
      const name = `flowguard.${address.prefix}${reader}`
      let group = groups.get(name)
      if (!group) groups.set(name, (group = { name, wire: undefined, places: new Map<string, Place>(), timer: undefined }))
      for (const place of places) group.places.set(`${place.topic}/${place.partition}`, place)
      tellSoon(group)
    },
    [Symbol.dispose](): void {
      isClosed = true
      for (const { timer, wire } of groups.values()) {
        clearTimeout(timer)
        wire?.[Symbol.dispose]()
      }
    },
  }
}
