const BUCKET_MS = 1_000

/** Things that wait for the watermark to pass their time; taken in the order of time and, at one instant, of id. */
export function dueQueue<T extends { ts: number; id: string }>() {
  const buckets = new Map<number, T[]>()
  let size = 0

  return {
    add(item: T) {
      const key = Math.floor(item.ts / BUCKET_MS)
      const bucket = buckets.get(key)
      if (bucket) bucket.push(item)
      else buckets.set(key, [item])
      size += 1
    },
    /** Takes all with a time strictly before `watermark`: one at the watermark itself may still be joined by others. */
    take(watermark: number): T[] {
      if (size === 0) return []
      const due: T[] = []
      for (const [key, bucket] of buckets) {
        if (key * BUCKET_MS >= watermark) continue
        const rest: T[] = []
        for (const item of bucket) (item.ts < watermark ? due : rest).push(item)
        if (rest.length > 0) buckets.set(key, rest)
        else buckets.delete(key)
      }
      size -= due.length
      return due.sort(byTime)
    },
    clear() {
      buckets.clear()
      size = 0
    },
    size: () => size,
  }
}

/** By event time, then by id in code units. */
export function byTime(a: { ts: number; id: string }, b: { ts: number; id: string }): number {
  return a.ts - b.ts || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
