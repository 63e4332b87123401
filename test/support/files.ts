import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Sent } from './answers.ts'

/** The folder of reference data, where there is one: a setting of the test run, not of the product. */
export const REFERENCE = process.env['FLOWGUARD_REFERENCE_DATA']

export function readEvents(file: string): Sent[] {
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sent)
}

export function writeEvents(folder: string, name: string, events: readonly Sent[]): string {
  const file = join(folder, name)
  writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  return file
}

/** One cpc ad for each item that was clicked, at two rupees and a half. */
export function writeAds(folder: string, events: readonly Sent[]): string {
  const ads = new Map(events.filter((event) => event.ad_id).map((event) => [event.ad_id, event.item_id]))
  const file = join(folder, 'ads.json')
  const rows = [...ads].map(([ad_id, item_id]) => ({
    ad_id,
    item_id,
    campaign_id: 'cmp',
    advertiser_id: 'adv',
    pricing: 'cpc',
    rate: 2.5,
    daily_budget: 0,
  }))
  writeFileSync(file, JSON.stringify(rows))
  return file
}

/** Moves each event back by up to `withinMs` of its own time: the file is out of order by no more than that. */
export function shuffled(events: readonly Sent[], withinMs: number, random: () => number): Sent[] {
  return events
    .map((event) => ({ event, at: Date.parse(event.timestamp) + random() * withinMs }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }) => event)
}

/** Each event with this chance a second time, some events later. */
export function withRepeats(events: readonly Sent[], share: number, random: () => number): Sent[] {
  const out: { event: Sent; at: number }[] = events.map((event, at) => ({ event, at }))
  events.forEach((event, at) => {
    if (random() < share) out.push({ event, at: at + random() * 2_000 })
  })
  return out.sort((a, b) => a.at - b.at).map(({ event }) => event)
}

/** A made-up shop: people who click, perhaps twice, and order within and beyond the half hour. For machines without the reference data. */
export function madeUpEvents(count: number, random: () => number): Sent[] {
  const pick = (n: number) => Math.floor(random() * n)
  const events: Sent[] = []
  let at = Date.UTC(2026, 2, 1, 23, 0)
  const time = (ms: number) => new Date(ms).toISOString()
  for (let n = 0; events.length < count; n += 1) {
    at += pick(4_000)
    const [user_id, item_id] = [1 + pick(200), 1 + pick(40)]
    const ad_id = `ad_${item_id}`
    events.push({ event_type: 'click', event_id: `c-${n}`, timestamp: time(at), user_id, item_id, ad_id })
    if (random() < 0.1)
      events.push({ event_type: 'click', event_id: `d-${n}`, timestamp: time(at + 1 + pick(3_000)), user_id, item_id, ad_id })
    if (random() < 0.15) {
      const wait = [0, 60_000, 1_799_999, 1_800_000, 1_800_001, 3_000_000][pick(6)] as number
      events.push({
        event_type: 'order',
        event_id: `o-${n}`,
        timestamp: time(at + wait),
        user_id,
        item_id,
        price: 99 + pick(400),
        quantity: 1 + pick(3),
      })
    }
  }
  return events.sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp))
}
