/**
 * Scores the detection of anomalies on simulated traffic of a food delivery: weeks to learn from, a quiet week, then twenty incidents of five kinds in ten days.
 *
 *   npm run bench:alerts                  one run, by a seed that it prints
 *   npm run bench:alerts -- --seed 7      the same again
 *   npm run bench:alerts -- --runs 20     by so many seeds, from that one on, and how they spread
 *   npm run bench:alerts -- --rate 30     orders a minute, on average
 *
 * Exits 1 where a run finds fewer than 19, or raises more than one alert in the quiet week.
 */
import { parseArgs } from 'node:util'
import { AIM, INCIDENT_KINDS, meetsAim, ORDERS_PER_MINUTE, scoreOf, type Score } from '../packages/pipeline/src/anomaly/testing/score.ts'
import { alertOf } from '../packages/pipeline/src/anomaly/words.ts'

const SEED_MAX = 100_000
const { values } = parseArgs({ options: { seed: { type: 'string' }, runs: { type: 'string', default: '1' }, rate: { type: 'string' } } })
const first = Number(values.seed ?? Math.floor(Math.random() * SEED_MAX))
const runs = Number(values.runs)
const rate = Number(values.rate ?? ORDERS_PER_MINUTE)
const print = (text: string) => void process.stdout.write(`${text}\n`)

const scores: Score[] = []
for (let seed = first; seed < first + runs; seed += 1) {
  const startedAt = performance.now()
  const score = scoreOf(seed, rate)
  scores.push(score)
  if (runs === 1) printRun(score)
  print(`${summary(score)}  (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`)
}
if (runs > 1) printSpread()
process.exitCode = scores.every(meetsAim) ? 0 : 1

function summary(score: Score): string {
  const { seed, found, falseAlerts, strayAlerts } = score
  const stray = strayAlerts.length > 0 ? `, ${strayAlerts.length} beside the incidents afterwards` : ''
  const met = meetsAim(score) ? 'meets the aim' : `misses the aim of ${AIM.found} and at most ${AIM.falseAlertsMax}`
  return `seed ${seed}: ${found}/${AIM.of} found, ${falseAlerts.length} false in the quiet week${stray}: ${met}`
}

function printRun({ seed, incidents, falseAlerts, strayAlerts, minutes }: Score) {
  print(`\nSeed ${seed}, ${rate} orders a minute on average, ${Math.round(minutes / 1_440)} days.\n`)
  for (const { what, minutes: length, afterMin, resolvedMin, alerts } of incidents) {
    const found = afterMin === null ? 'NOT FOUND' : `found after ${minutesOf(afterMin)}, ${alerts} alert${alerts === 1 ? '' : 's'}`
    const over = afterMin === null ? '' : resolvedMin === null ? ', not resolved' : `, resolved ${minutesOf(resolvedMin)} after its end`
    print(`  ${what.padEnd(28)} ${String(length).padStart(3)} min   ${found}${over}`)
  }
  for (const signal of falseAlerts) print(`  false, in the quiet week: ${alertOf(signal).title}: ${alertOf(signal).reason}`)
  for (const signal of strayAlerts) print(`  beside the incidents: ${alertOf(signal).title}: ${alertOf(signal).reason}`)
  print('')
}

function printSpread() {
  const spread = (of: (score: Score) => number) => {
    const counts = new Map<number, number>()
    for (const score of scores) counts.set(of(score), (counts.get(of(score)) ?? 0) + 1)
    return [...counts]
      .sort(([a], [b]) => b - a)
      .map(([value, times]) => `${value} (${times}×)`)
      .join(', ')
  }
  print(`\nfound of ${AIM.of}: ${spread(({ found }) => found)}`)
  print(`false in the quiet week: ${spread(({ falseAlerts }) => falseAlerts.length)}`)
  for (const kind of INCIDENT_KINDS) {
    const all = scores.flatMap(({ incidents }) => incidents.filter((each) => each.kind === kind))
    const after = all.flatMap(({ afterMin }) => (afterMin === null ? [] : [afterMin])).sort((a, b) => a - b)
    const at = (share: number) => minutesOf(after[Math.min(after.length - 1, Math.floor(share * after.length))] ?? 0)
    print(`${kind.padEnd(13)} ${after.length}/${all.length} found, half of them after ${at(0.5)}, nine of ten after ${at(0.9)}`)
  }
  print(`${scores.filter(meetsAim).length} of ${scores.length} runs meet the aim`)
}

function minutesOf(minutes: number): string {
  return `${minutes} min`
}
