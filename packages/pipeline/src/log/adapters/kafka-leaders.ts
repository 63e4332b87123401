import type { KafkaAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import { cluster, type Cluster } from './kafka-requests.ts'
import { wireTo, type Wire } from './kafka-wire.ts'

/** Brokers take so long to agree on another leader, and some more: then it is given up. */
const ELECTION_MS_MAX = 10_000
const LOOK_MS = 100
const ANY = ''

/**
 * Asks the brokers that lead partitions. The driver's own client for this keeps asking a leader that is dead, until it has forgotten it after minutes.
 */
export function kafkaLeaders(address: KafkaAddress) {
  const wires = new Map<string, Promise<Wire>>()
  let known: Cluster | undefined

  /** The one before, while it is open; whoever asks meanwhile gets the same. */
  function wireOf(broker: string): Promise<Wire> {
    const before = wires.get(broker)
    const wire = (async () => {
      const open = await before?.catch(() => undefined)
      return open?.isOpen ? open : wireTo(address, broker === ANY ? address.brokers : [broker])
    })()
    wires.set(broker, wire)
    return wire
  }

  /** By the address of their leader. */
  async function grouped(topic: string, partitions: readonly number[]): Promise<Map<string, number[]>> {
    if (!known?.topics.some(({ name }) => name === topic)) known = await cluster(await wireOf(ANY), [topic])
    const { brokers, topics } = known
    const groups = new Map<string, number[]>()
    for (const partition of partitions) {
      const broker = brokers.get(topics.find(({ name }) => name === topic)?.leaders[partition] ?? -1)
      if (broker === undefined) throw new FlowGuardError('log_unavailable', `nobody leads ${topic}-${partition}`)
      groups.set(broker, [...(groups.get(broker) ?? []), partition])
    }
    return groups
  }

  return {
    /** What all leaders answer, together; asked again, while another is elected. Rejects with `log_unavailable`, at once where no broker answers at all. */
    async ask<T>(
      topic: string,
      partitions: readonly number[],
      question: (wire: Wire, partitions: readonly number[]) => Promise<readonly T[]>,
    ): Promise<T[]> {
      const deadline = performance.now() + ELECTION_MS_MAX
      for (;;) {
        await wireOf(ANY)
        try {
          const groups = await grouped(topic, partitions)
          return (await Promise.all([...groups].map(async ([broker, own]) => question(await wireOf(broker), own)))).flat()
        } catch (error) {
          known = undefined
          if (performance.now() > deadline) throw error
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
        }
      }
    },
    [Symbol.dispose](): void {
      for (const wire of wires.values()) {
        void wire.then(
          (open) => open[Symbol.dispose](),
          () => undefined,
        )
      }
    },
  }
}
