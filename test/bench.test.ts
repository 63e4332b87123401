import assert from 'node:assert/strict'
import { test } from 'node:test'
import { companyRate } from '../bench/company.ts'
import { producerFigures } from '../bench/peers.ts'

/** The last lines of Kafka 4.3's. */
const ALL =
  '60000 records sent, 2144.542140 records/sec (0.88 MB/sec), 9872.51 ms avg latency, 14713.00 ms max latency, 10880 ms 50th, 14196 ms 95th, 14429 ms 99th, 14680 ms 99.9th.'
const STEADY =
  '50000 steady state records sent, 2229.554981 records/sec (0.91 MB/sec), 11183.56 ms avg latency, 14713.00 ms max latency, 11244 ms 50th, 14294 ms 95th, 14471 ms 99th, 14690 ms 99.9th.'

test('of Kafka’s producer what it did once it was warm is told, and nothing else', () => {
  assert.deepEqual(producerFigures(`In steady state.\n${ALL}\n${STEADY}\n`), { rate: 2229.554981, p50: 11_244, p95: 14_294, p99: 14_471 })
  assert.throws(() => producerFigures(`${ALL}\n`), /no figures without its warm-up/)
})

/** A company as it is seen at one look after the other, a second apart. */
function company(looks: readonly [workers: number, processed: number][]) {
  let at = -1
  return {
    look: async () => {
      at = Math.min(at + 1, looks.length - 1)
      const [active_workers, processed] = looks[at] as [number, number]
      return { active_workers, processed }
    },
    clock: () => at * 1_000,
  }
}

test('the rate of several workers counts from when all of them are at work', async () => {
  const looks = [
    [0, 0],
    [1, 10],
    [2, 30],
    [4, 100],
    [4, 500],
    [4, 1_000],
  ] as [number, number][]
  assert.deepEqual(await companyRate({ count: 4, total: 1_000, ...company(looks) }), { rate: 450, counted: 900 })
})

test('where too little is left by then there is no rate, rather than one of a part of them', async () => {
  const looks = [
    [3, 0],
    [3, 900],
    [4, 990],
    [4, 1_000],
  ] as [number, number][]
  assert.deepEqual(await companyRate({ count: 4, total: 1_000, ...company(looks) }), { rate: Number.NaN, counted: 10 })
})

test('workers that stand still are no rate either', async () => {
  let now = 0
  const look = async () => ({ active_workers: 1, processed: 5 })
  await assert.rejects(companyRate({ count: 1, total: 10, look, clock: () => (now += 30_000) }), /do not go on/)
})
