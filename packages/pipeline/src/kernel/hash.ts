/** A hash of 128 bits. */
export type Hash128 = Uint32Array<ArrayBuffer>

/**
 * Hashes a text into `out` (4 words): four 32-bit lanes, each with a multiplier of its own. For identities within one store, not for secrets:
 * at a hundred million ids the odds of two being taken for one are below 1 in 10²². A cryptographic hash costs three to six times as much,
 * and every record is hashed by every reader.
 */
export function hash128(text: string, out: Hash128): void {
  let a = 0x9368e53c | 0
  let b = 0x586dcd20 | 0
  let c = 0x7f4a7c15 | 0
  let d = 0x2545f491 | 0
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x85ebca6b)
    a ^= a >>> 13
    b = Math.imul(b ^ unit, 0xc2b2ae35)
    b ^= b >>> 16
    c = Math.imul(c ^ unit, 0x27d4eb2f)
    c ^= c >>> 15
    d = Math.imul(d ^ unit, 0x165667b1)
    d ^= d >>> 14
  }
  out[0] = Math.imul(a ^ (a >>> 16), 0x7feb352d)
  out[1] = Math.imul(b ^ (b >>> 15), 0x846ca68b)
  out[2] = Math.imul(c ^ (c >>> 14), 0x9e3779b1)
  out[3] = Math.imul(d ^ (d >>> 17), 0xed5ad4bb)
}

/** The first word of `hash128`, for a third of what all four cost. */
export function hash32(text: string): number {
  let a = 0x9368e53c | 0
  for (let i = 0; i < text.length; i += 1) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x85ebca6b)
    a ^= a >>> 13
  }
  return Math.imul(a ^ (a >>> 16), 0x7feb352d)
}
