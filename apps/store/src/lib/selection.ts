import type { Food } from './food.ts'

export const QUERY_CHARS_MAX = 80

/** What of the menu is asked for: the address says it. */
export interface Selection {
  category: string
  query: string
}

type Params = { get(name: string): string | null }

export function readSelection(params: Params): Selection {
  return {
    category: (params.get('category') ?? '').trim(),
    query: (params.get('q') ?? '').slice(0, QUERY_CHARS_MAX),
  }
}

/** The address of a selection; nothing that is empty is in it. */
export function selectionHref({ category, query }: Selection): string {
  const params = new URLSearchParams()
  if (category) params.set('category', category)
  if (query.trim()) params.set('q', query.trim())
  const text = params.toString()
  return text ? `/?${text}` : '/'
}

/** The dishes of the category that hold every word of the query, whatever its case and accents. */
export function select<T extends Food>(foods: readonly T[], { category, query }: Selection): T[] {
  const words = plain(query).split(/\s+/).filter(Boolean)
  const wanted = plain(category)
  return foods.filter((food) => {
    if (wanted && plain(food.category) !== wanted) return false
    const text = plain(`${food.name} ${food.category} ${food.description}`)
    return words.every((word) => text.includes(word))
  })
}

const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()

/** What a screen reader is told, and everyone sees. */
export function summary(count: number, { category, query }: Selection): string {
  const dishes = count === 0 ? 'No dishes' : count === 1 ? '1 dish' : `${count} dishes`
  return [dishes, category && `in ${category}`, query.trim() && `for “${query.trim()}”`].filter(Boolean).join(' ')
}

interface Placed extends Food {
  ad: unknown
}

/**
 * The menu's own order: one dish of each category in turn, so that the first screen shows the breadth of it. Within a
 * category paid placements come first; what is sold out comes last of all.
 */
export function menuOrder<T extends Placed>(foods: readonly T[]): T[] {
  const byCategory = new Map<string, T[]>()
  const ranked = foods.toSorted((a, b) => Number(b.ad !== undefined) - Number(a.ad !== undefined))
  for (const food of ranked.filter(({ is_available }) => is_available)) {
    byCategory.set(food.category, [...(byCategory.get(food.category) ?? []), food])
  }
  const lanes = [...byCategory.values()]
  const rounds = Math.max(0, ...lanes.map((lane) => lane.length))
  const available = Array.from({ length: rounds }, (_, round) => lanes.flatMap((lane) => lane.slice(round, round + 1))).flat()
  return [...available, ...ranked.filter(({ is_available }) => !is_available)]
}
