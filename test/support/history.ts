import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DAY_MS, type Food } from '@flowguard/contract'
import { mulberry32 } from '../../packages/pipeline/src/cli/prng.ts'
import { simulatePeople, type SimulatedAd } from '../../packages/pipeline/src/cli/simulate-people.ts'

const WEEKEND = new Set([0, 6])
/** Of those who come at the fullest hour of a day (UTC), each hour from midnight on. */
const HOURS = [
  0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.7, 0.9, 0.8, 0.55, 0.45, 0.5, 0.65, 0.85, 1, 0.95, 0.7, 0.4, 0.2,
] as const

const data = resolve(import.meta.dirname, '../../data')
export const dataFile = <T>(file: string) => JSON.parse(readFileSync(join(data, file), 'utf8')) as T

export interface History {
  seed: number
  days: number
  eventsASecond: number
  users: number
  untilMs: number
}

/** Weeks of made-up customers for `replay`, more of them on weekends and at meals, and more from week to week. */
export function writeHistory(file: string, { seed, days, eventsASecond, users, untilMs }: History): void {
  const startMs = untilMs - days * DAY_MS
  const random = mulberry32(seed)
  const [foods, ads] = [dataFile<Food[]>('food_items.json'), dataFile<SimulatedAd[]>('ads.json')]
  const people = { users, late: 0, duplicates: 0, bots: 0.01, foods, ads }
  const lines: string[] = []
  for (const { atMs, event } of simulatePeople({ seed, rate: eventsASecond, durationMs: days * DAY_MS, startMs, ...people })) {
    const growth = 0.6 + (0.4 * (atMs - startMs)) / (days * DAY_MS)
    const at = new Date(atMs)
    if (random() < HOURS[at.getUTCHours()]! * (WEEKEND.has(at.getUTCDay()) ? 1 : 0.75) * growth) lines.push(JSON.stringify(event))
  }
  writeFileSync(file, `${lines.join('\n')}\n`)
}
