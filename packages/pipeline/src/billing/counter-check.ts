import { setTimeout as wait } from 'node:timers/promises'
import { countedIn } from './counter-changes.ts'
import { differingCounters, type Compared, type CounterStore } from './counters.ts'

const TRIES_MAX = 5
/** For the changes that were written meanwhile to be told. */
const BETWEEN_MS = 300

/**
 * The counters elsewhere against those of the store at `path`, each where it stands, while events go on. Undefined where that cannot be said now: they are being
 * filled, or too far behind. Reads the whole ledger, synchronously.
 */
export async function compareCounters(counters: CounterStore, path: string): Promise<Compared | undefined> {
  for (let tries = 1; ; tries += 1) {
    // Theirs first: ours know more, and what they know more is written down.
    const dump = await counters.dump()
    const compared = dump && differingCounters(dump, countedIn(path))
    if (compared || tries === TRIES_MAX) return compared
    await wait(BETWEEN_MS)
  }
}
