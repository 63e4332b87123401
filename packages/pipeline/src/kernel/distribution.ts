/** How long what happens every moment takes, in seconds. */
export const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
/** From one end of the pipeline to another, in seconds: from what nobody notices to what somebody should be called for. */
export const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 60, 120, 300, 900, 3_600]
/** Records of one batch. */
export const COUNT_BUCKETS = [1, 5, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000]

/** How values are spread, in plain numbers: adding one is cheap enough for each request. */
export interface Distribution {
  /** Upper bounds, rising. */
  readonly bounds: readonly number[]
  /** How many values lie in each bucket alone; those above all bounds last. */
  readonly buckets: readonly number[]
  readonly sum: number
  /** `count` values of this size. */
  observe: (value: number, count?: number) => void
}

export function distribution(bounds: readonly number[]): Distribution {
  const buckets = new Array<number>(bounds.length + 1).fill(0)
  let sum = 0
  return {
    bounds,
    buckets,
    get sum() {
      return sum
    },
    observe(value, count = 1) {
      let at = 0
      while (at < bounds.length && value > (bounds[at] as number)) at += 1
      buckets[at] = (buckets[at] as number) + count
      sum += value * count
    },
  }
}
