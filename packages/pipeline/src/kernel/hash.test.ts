import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { hash32, hash128 } from './hash.ts'

const IDS = 2_000_000
const LANES = [0, 1, 2, 3] as const

/** A UUID that depends on `n` alone; sha1 stands for chance. */
function uuidsFrom(n: number): string[] {
  const hex = createHash('sha512').update(`${n}`).digest('hex')
  return [0, 32, 64, 96].map((at) => {
    const part = hex.slice(at, at + 32)
    return `${part.slice(0, 8)}-${part.slice(8, 12)}-4${part.slice(13, 16)}-a${part.slice(17, 20)}-${part.slice(20)}`
  })
}

/** Ids as clients make them: counted, random, and every user with every item. */
function idAt(n: number): string {
  const kind = n % 4
  const at = n >> 2
  if (kind === 0) return `event-${at}`
  if (kind === 1) return `${String(at).padStart(36, '0')}`
  if (kind === 2) return `user-${at % 1_000}\n${Math.floor(at / 1_000)}`
  return uuids[at & 3]!
}
let uuids: string[] = []

const lanes = LANES.map(() => new Uint32Array(IDS))
const out = new Uint32Array(4)
for (let n = 0; n < IDS; n += 1) {
  if (n % 16 === 0) uuids = uuidsFrom(n)
  hash128(idAt(n), out)
  for (const lane of LANES) lanes[lane]![n] = out[lane]!
}

/** Whether two ids share both lanes: an open-addressed table of the numbers of the ids, by the first lane. */
function isShared(first: Uint32Array, second: Uint32Array): boolean {
  const slots = new Int32Array(2 ** 22).fill(-1)
  for (let n = 0; n < IDS; n += 1) {
    let slot = first[n]! & (slots.length - 1)
    for (; slots[slot] !== -1; slot = (slot + 1) & (slots.length - 1)) {
      if (first[slots[slot]!] === first[n] && second[slots[slot]!] === second[n]) return true
    }
    slots[slot] = n
  }
  return false
}

// By chance two of 2 million ids share 64 bits once in ten million such tests: all 128 bits are far from it.
test('no two of 2 million structured ids share even two of the four lanes', () => {
  for (const [first, second] of [
    [0, 1],
    [2, 3],
    [0, 2],
    [1, 3],
  ] as const) {
    assert.equal(isShared(lanes[first]!, lanes[second]!), false, `lanes ${first} and ${second}`)
  }
})

test('each lane by itself repeats no more than chance would', () => {
  const expected = IDS ** 2 / 2 ** 33
  for (const lane of LANES) {
    const sorted = lanes[lane]!.slice().sort()
    const repeats = sorted.reduce((sum, word, at) => sum + (at > 0 && word === sorted[at - 1] ? 1 : 0), 0)
    assert.ok(repeats < expected * 1.5, `lane ${lane}: ${repeats} repeats, by chance ${expected.toFixed(0)}`)
  }
})

test('the low bits, which choose a slot, are spread evenly', () => {
  const slots = 2 ** 13
  const mean = IDS / slots
  for (const lane of LANES) {
    const filled = new Uint32Array(slots)
    for (const word of lanes[lane]!) filled[word & (slots - 1)]! += 1
    const chiSquare = filled.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
    // 8,191 degrees of freedom: five standard deviations are 640.
    assert.ok(Math.abs(chiSquare - slots) < 640, `lane ${lane}: chi² ${chiSquare.toFixed(0)}`)
  }
})

test('all four lanes of one id differ', () => {
  for (let n = 0; n < IDS; n += 1) {
    const words = new Set(LANES.map((lane) => lanes[lane]![n]))
    if (words.size < 4) assert.fail(`${JSON.stringify(idAt(n))} has two equal lanes`)
    if (n === 10_000) break
  }
})

test('the same text has the same hash, and the text of one character more another', () => {
  const [a, b] = [new Uint32Array(4), new Uint32Array(4)]
  for (const text of ['', '\0', 'a', 'ab', 'ab\0', '🍛']) {
    hash128(text, a)
    hash128(text, b)
    assert.deepEqual(a, b)
    hash128(`${text}\0`, b)
    for (const lane of LANES) assert.notEqual(a[lane], b[lane], `lane ${lane} of ${JSON.stringify(text)}`)
  }
})

test('the short hash is the first word of the long one', () => {
  for (let n = 0; n < 10_000; n += 1) {
    hash128(idAt(n), out)
    assert.equal(hash32(idAt(n)) >>> 0, out[0])
  }
})
