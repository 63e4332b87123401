import type { NewRecord } from '../../packages/pipeline/src/log/event-log.ts'

/** 2% poisonous, one half of them by the workers' checks; 3% fail twice and pass the third time; 1% come twice. */
export function laneEvents(count: number, random: () => number) {
  const records: NewRecord[] = []
  const expected = new Map<string, 'processed' | 'failed'>()
  let letters = 0
  for (let at = 0; at < count; at += 1) {
    const chance = random()
    const id = `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`
    const user = `u${at % 997}`
    const isPoison = chance < 0.02
    const properties = chance < 0.01 ? {} : { amount: 500 + (at % 1_000), ...moodOf(chance) }
    const event = {
      event_type: 'purchase',
      user_id: user,
      properties,
      event_id: id,
      received_at: '2026-03-01T12:00:00.000Z',
      is_bot: false,
      ts: Date.UTC(2026, 2, 1, 12),
    }
    const record = { key: user, value: JSON.stringify(event), headers: { content_hash: `hash of ${at}` } }
    records.push(record)
    expected.set(id, isPoison ? 'failed' : 'processed')
    if (isPoison) letters += 1
    else if (chance > 0.99) records.push(record)
  }
  return { records, expected, letters }
}

function moodOf(chance: number) {
  return chance < 0.02 ? { mood: 'never' } : chance < 0.05 ? { mood: 'third time' } : {}
}
