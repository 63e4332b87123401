import { FlowGuardError } from './errors.ts'
import { pause, type Part } from './lifecycle.ts'
import type { Logger } from './logging.ts'
import { BACKOFF, backoffMs } from './retry.ts'
import { guarded } from './sqlite.ts'

const EVERY_MS = 100
/** Of two that fill one copy from two stores each finds the other's: not more often than this. */
const REFILL_MS_MIN = 5_000
const OTHERS = "they are another store's"

/** What a copy elsewhere is, and up to which row it has been told. */
export interface CopyStanding {
  /** Made with each filling: a copy of another epoch is not ours. */
  epoch: string
  place: number
}

/** What one look came to. */
export type Shipped = 'level' | 'more'

interface Copying {
  /** In the logs: what there are copies of. */
  what: string
  /** Of the store here. */
  path: string
  copy: { standing(): Promise<CopyStanding | undefined> }
  rows: {
    /** What the copy was last filled as; undefined where it is to be filled. */
    epoch(): string | undefined
    /** The last row that was ever written. */
    latest(): number
    /** The first row that can still be told. Left out, a copy that has gone back is told again whatever is still there. */
    oldest?: () => number
  }
  /** Tells the rows that are next. */
  ship: () => Promise<Shipped>
  /** Everything anew. Undefined where somebody else was faster, or some of it was lost. */
  fill: (signal: AbortSignal) => Promise<object | undefined>
  logger: Logger
}

/**
 * Tells a copy elsewhere what came to the rows here. Where it stands is kept with it, and moves in the step that adds; so whatever is cut off, and whatever is told
 * twice, each row is added once. What is not there, or is another's, or has gone back further than the rows reach, is filled anew.
 */
export function copyShipper(copying: Copying): Part {
  const { what, ship, fill, logger } = copying
  let filledAt = -Infinity

  async function look(signal: AbortSignal): Promise<Shipped> {
    const why = await reasonToFill(copying)
    if (why === undefined) return ship()
    if (why === OTHERS && performance.now() - filledAt < REFILL_MS_MIN) return 'level'
    const filled = await fill(signal)
    if (!filled) return 'more'
    filledAt = performance.now()
    logger.warn({ why, ...filled }, `${what} elsewhere were filled anew`)
    return 'more'
  }

  return async (signal) => {
    for (let failures = 0; !signal.aborted;) {
      try {
        if ((await look(signal)) === 'level') await pause(EVERY_MS, signal)
        if (failures > 0) logger.info(`${what} elsewhere can be told again`)
        failures = 0
      } catch (error) {
        if (!(error instanceof FlowGuardError && error.retriable)) throw error
        failures += 1
        if (failures === 1) logger.warn({ err: error }, `${what} elsewhere cannot be told now; what is new waits`)
        await pause(backoffMs(failures, BACKOFF), signal)
      }
    }
  }
}

async function reasonToFill({ path, copy, rows }: Copying): Promise<string | undefined> {
  const standing = await copy.standing()
  return guarded(path, () => {
    const epoch = rows.epoch()
    if (epoch === undefined) return 'they were never filled, or were asked to be'
    if (!standing) return 'they are gone'
    if (standing.epoch !== epoch) return OTHERS
    if (standing.place > rows.latest()) return 'they are ahead of the store'
    if (rows.oldest && standing.place < rows.oldest() - 1) return 'they have gone back'
    return undefined
  })
}
