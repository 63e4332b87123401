import { hash32, hash128, type Hash128 } from '../kernel/hash.ts'

/** What an id is recognised by, as words of 32 bits (signed, which numbers hold without a place of their own): who it is, and what its content was. */
export interface Identity {
  /** Never 0. */
  word0: number
  word1: number
  word2: number
  word3: number
  content: number
}

const words: Hash128 = new Uint32Array(4)

export function identityOf(id: string, content: string): Identity {
  hash128(id, words)
  return { word0: words[0]! | 0 || 1, word1: words[1]! | 0, word2: words[2]! | 0, word3: words[3]! | 0, content: hash32(content) | 0 }
}
