import type { Clock } from '../kernel/lifecycle.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { DishFigures } from './figures.ts'

const AGAIN_MS = 60_000
const TIMEOUT_MS = 5_000
const NAMES_COUNT_MAX = 50_000

/** Names dishes that are not in the catalogue as gold knows them: a name is at most a minute old, or as old as gold's last answer. What gold does not know, or could not be asked for, is asked for again after a minute. */
export function dishNames(query: Warehouse['query'], clock: Clock) {
  const names = new Map<number, { name: string | null; category: string | null }>()
  let askedAt = -Infinity
  let isComplete = false

  async function look(ids: readonly number[]) {
    const sql = `select item_id, max_by(item_name, date), max_by(category, date) from gold.food_item_performance
      where item_id in (${ids.join(', ')}) group by item_id`
    const { rows } = await query(sql, { rowsMax: ids.length, timeoutMs: TIMEOUT_MS })
    if (names.size + rows.length > NAMES_COUNT_MAX) names.clear()
    for (const [id, name, category] of rows) names.set(Number(id), { name: name as string | null, category: category as string | null })
  }

  return async (dishes: readonly DishFigures[]): Promise<DishFigures[]> => {
    const nameless = dishes.filter(({ name }) => name === null).map(({ item_id: id }) => id)
    const isDue = clock() - askedAt >= AGAIN_MS
    const wanted = isDue ? nameless : isComplete ? nameless.filter((id) => !names.has(id)) : []
    if (wanted.length > 0) {
      if (isDue) askedAt = clock()
      isComplete = await look(wanted).then(
        () => wanted.every((id) => names.has(id)),
        () => false,
      )
    }
    return dishes.map((dish) => (dish.name === null ? { ...dish, ...names.get(dish.item_id) } : dish))
  }
}
