import type { DatabaseSync } from 'node:sqlite'

/** Orders that say what is usual: of one item, and of all together. */
const OF_ITEM_MAX = 64
const OF_ALL_MAX = 256
/** Fewer say nothing. */
const KNOWN_MIN = 20
/** Items of which that is known: those ordered last. */
const ITEMS_MAX = 5_000
/** What stands for all items. */
const ALL = 0
/** The median distance to the median, times this, is the standard deviation where values are spread as in a bell. */
const SIGMA_OF_MAD = 1.4826

/** What orders came to, in paise. */
interface Values {
  /** In the order in which they came. */
  inOrder: number[]
  sorted: number[]
}

/** In paise. */
export interface Usual {
  median: number
  /** More is unusual. */
  limit: number
  of: 'item' | 'all'
  orders: number
}

export interface ValueLimits {
  timesUsual: number
  sigmas: number
  paiseMin: number
}

/**
 * What orders usually come to. Of the item, since a dish has a price; of all, where too few of the item are known. The median, and the median distance to it, in
 * logarithms: so half of what they go by may be anything, and prices are compared by how many times the one is the other. What is unusual is learned from like
 * anything else: a price that has changed is usual after some orders.
 */
export function usualValues(db: DatabaseSync) {
  const upsert = db.prepare('insert or replace into order_values values (?, ?, ?)')
  const remove = db.prepare('delete from order_values where item_id = ?')
  const select = db.prepare('select item_id as itemId, touched, paise from order_values order by touched')
  /** The one that was ordered longest ago first; that of all is the last, for each order touches it after its item. */
  const items = new Map<number, Values>()
  const changed = new Set<number>()
  let touched = 0

  function add(itemId: number, paise: number, countMax: number) {
    const values = items.get(itemId) ?? { inOrder: [], sorted: [] }
    items.delete(itemId)
    items.set(itemId, values)
    if (values.inOrder.length === countMax) {
      const oldest = values.inOrder.shift() as number
      values.sorted.splice(rankOf(values.sorted, oldest), 1)
    }
    values.inOrder.push(paise)
    values.sorted.splice(rankOf(values.sorted, paise), 0, paise)
    changed.add(itemId)
  }

  return {
    load() {
      items.clear()
      changed.clear()
      touched = 0
      for (const row of select.all() as unknown as { itemId: number; touched: number; paise: string }[]) {
        const inOrder = JSON.parse(row.paise) as number[]
        items.set(row.itemId, { inOrder, sorted: inOrder.toSorted((a, b) => a - b) })
        touched = row.touched
      }
    },
    /** What is usual, as far as it has to be known: undefined where the value is not unusual, or nothing is known. */
    judge(itemId: number, paise: number, { timesUsual, sigmas, paiseMin }: ValueLimits): Usual | undefined {
      if (paise < paiseMin) return undefined
      const own = items.get(itemId)
      const isOwn = own !== undefined && own.sorted.length >= KNOWN_MIN
      const values = isOwn ? own : items.get(ALL)
      if (!values || values.sorted.length < KNOWN_MIN) return undefined
      const median = Math.max(1, middleOf(values.sorted))
      if (paise <= median * timesUsual) return undefined
      const middle = Math.log(median)
      const distances = values.sorted.map((value) => Math.abs(Math.log(Math.max(1, value)) - middle)).sort((a, b) => a - b)
      const bySigmas = Math.exp(middle + sigmas * SIGMA_OF_MAD * middleOf(distances))
      const limit = Math.max(median * timesUsual, bySigmas, paiseMin)
      return paise > limit ? { median, limit, of: isOwn ? 'item' : 'all', orders: values.sorted.length } : undefined
    },
    /** An order that was judged. */
    learn(itemId: number, paise: number) {
      if (itemId !== ALL) add(itemId, paise, OF_ITEM_MAX)
      add(ALL, paise, OF_ALL_MAX)
    },
    /** Before the transaction commits. */
    write() {
      if (changed.size === 0) return
      for (const [itemId, { inOrder }] of items) {
        if (changed.has(itemId)) upsert.run(itemId, (touched += 1), JSON.stringify(inOrder))
      }
      changed.clear()
      for (const itemId of items.keys()) {
        if (items.size <= ITEMS_MAX) break
        items.delete(itemId)
        remove.run(itemId)
      }
    },
  }
}

export type UsualValues = ReturnType<typeof usualValues>

const middleOf = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)] as number

/** Where it stands in the list, or would. */
function rankOf(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
