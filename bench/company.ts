import type { LaneNow } from './lane-measures.ts'

const POLL_MS = 50
const STALL_MS = 60_000
/** Of what waited when they were started, so much must be left when all are ready: what few do at the end, while the others have nothing, says little of all. */
const COUNTED_SHARE_MIN = 0.5

interface Company {
  /** Workers, each in a process of its own, that are starting. */
  count: number
  /** What waits for them, together with what some have worked off by now. */
  total: number
  /** Events processed of `total`, and the workers that live. */
  look: () => Promise<LaneNow>
  clock?: () => number
}

export interface CompanyRate {
  /** Events a second; NaN where too little was left to count. */
  rate: number
  counted: number
}

/** How fast they work together: from when the last of them is at work until nothing waits any more. */
export async function companyRate({ count, total, look, clock = () => performance.now() }: Company): Promise<CompanyRate> {
  const isReady = await looked(look, clock, (now) => now.active_workers >= count)
  const startedAt = clock()
  await looked(look, clock, (now) => now.processed >= total)
  const counted = Math.max(0, total - isReady.processed)
  const rate = counted < total * COUNTED_SHARE_MIN ? Number.NaN : (counted * 1_000) / (clock() - startedAt)
  return { rate, counted }
}

/** The first look that is as wanted. Rejects where the workers do not go on before it. */
async function looked(look: Company['look'], clock: () => number, isWanted: (now: LaneNow) => boolean): Promise<LaneNow> {
  let [last, movedAt] = [-1, clock()]
  for (;;) {
    const now = await look()
    if (isWanted(now)) return now
    if (now.processed > last) [last, movedAt] = [now.processed, clock()]
    if (clock() - movedAt > STALL_MS) throw new Error(`the workers do not go on: ${JSON.stringify(now)}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
