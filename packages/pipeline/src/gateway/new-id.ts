import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from '../kernel/lifecycle.ts'

const ID_BYTES = 16
const POOL_BYTES = 256 * ID_BYTES
const SEQ_MASK = 0x7fff_ffff

/**
 * UUIDv7s that rise, within a millisecond and when the clock is set back too: an order's later id is the greater one. Random bytes are drawn in bulk;
 * a call of the system for every few ids costs more than all checks of an event.
 */
export function createIdSource(clock: Clock): () => string {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  let msecs = 0
  let seq = 0
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    const random = pool.subarray(used, (used += ID_BYTES))
    const now = clock()
    if (now > msecs) {
      msecs = now
      // From the lower half, so that it cannot overflow within a millisecond.
      seq = (((random[0] as number) << 22) | ((random[1] as number) << 14) | ((random[2] as number) << 6)) & (SEQ_MASK >>> 1)
    } else {
      seq = (seq + 1) & SEQ_MASK
    }
    return v7({ random, msecs, seq })
  }
}
