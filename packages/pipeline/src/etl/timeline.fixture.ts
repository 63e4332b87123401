const EVENTS = process.env['FLOWGUARD_SOAK'] === undefined ? 90 : 160

export type Given = Record<string, string | number | boolean | null>

/** The same for the same seed (mulberry32). */
export function randomOf(seed: number) {
  let state = seed
  return (below: number) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** A week of few users, so that sessions run over midnights, ids come again, and first orders move when something comes late. The first order of an id may be answered. */
export function timeline(seed: number): { table: 'orders' | 'clicks' | 'attributed'; row: Given }[] {
  const random = randomOf(seed)
  const events = Array.from({ length: EVENTS }, (_, index): { table: 'orders' | 'clicks'; row: Given } => {
    const day = 1 + random(7)
    // Many about midnight.
    const minute = random(3) === 0 ? random(24 * 60) : [0, 10, 25, 1_415, 1_430, 1_439][random(6)]!
    const at = `2026-03-0${day} ${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}:00`
    const table = random(3) === 0 ? 'orders' : 'clicks'
    const row: Given = {
      user_id: `u${random(5)}`,
      at,
      item_id: 1 + random(3),
      event_id: `e${random(120)}`,
      is_bot: random(12) === 0,
      source_offset: index + 1,
    }
    if (table === 'orders')
      return { table, row: { ...row, price: `${1 + random(50)}.${10 + random(90)}`, status: random(6) === 0 ? 'delivered' : 'placed' } }
    return { table, row: { ...row, event_type: random(2) === 0 ? 'click' : 'impression' } }
  })
  const answered = new Set<unknown>()
  return events.flatMap((each): { table: 'orders' | 'clicks' | 'attributed'; row: Given }[] => {
    const { event_id: id = null, at = null, source_offset: offset = null } = each.row
    if (each.table !== 'orders' || answered.has(id) || random(2) === 0) return [each]
    answered.add(id)
    const click = { click_event_id: `c-${String(id)}`, ad_id: 'ad-1', click_timestamp: at, lag_ms: 0 }
    return [each, { table: 'attributed', row: { at, order_event_id: id, source_offset: offset, ...click } }]
  })
}
