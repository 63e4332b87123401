type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * JSON in RFC 8785's canonical form: members sorted by UTF-16 code units, no white space, numbers as ECMAScript writes them.
 * A lone surrogate is written as its escape. Throws RangeError for a number that JSON cannot hold (`1e400` parses to infinity).
 */
export function canonicalJson(value: unknown): string {
  return write(value as Json)
}

function write(value: Json): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('a number is too large for JSON')
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  return writeObject(value as { readonly [key: string]: Json })
}

/**
 * A copy in the order of its keys is written by the engine at once, for two thirds of what writing member by member costs. That takes values without
 * members of their own, and keys that an object keeps in the order of adding: digits it sorts as numbers, and `__proto__` is no member.
 */
function writeObject(object: { readonly [key: string]: Json }): string {
  const { sorted, isOrdered } = shapeOf(Object.keys(object))
  if (isOrdered) {
    const ordered: Record<string, Json> = {}
    let isFlat = true
    for (let at = 0; at < sorted.length && isFlat; at += 1) {
      const key = sorted[at] as string
      const value = object[key] as Json
      isFlat = isPlain(value)
      ordered[key] = value
    }
    if (isFlat) return JSON.stringify(ordered)
  }
  let text = '{'
  for (const key of sorted) text += `${text === '{' ? '' : ','}${JSON.stringify(key)}:${write(object[key] as Json)}`
  return `${text}}`
}

interface Shape {
  keys: readonly string[]
  sorted: readonly string[]
  /** Whether an object keeps these keys in the order of adding. */
  isOrdered: boolean
}

/** The last shape of so many keys: a client sends the same keys again and again, and to sort them takes as long as to write them. */
const shapes: Shape[] = []
const SHAPE_KEYS_MAX = 64
/** Their names together, at two bytes a character: keys come from anybody, and a shape is kept for good. */
const SHAPE_BYTES_MAX = 4 * 1024

function shapeOf(keys: readonly string[]): Shape {
  const known = shapes[keys.length]
  if (known && keys.every((key, at) => key === known.keys[at])) return known
  const isOrdered = keys.every((key) => !isDigit(key.charCodeAt(0)) && key !== '__proto__')
  const shape = { keys, sorted: keys.toSorted(), isOrdered }
  const isKept = keys.length <= SHAPE_KEYS_MAX && keys.reduce((sum, key) => sum + 2 * key.length, 0) < SHAPE_BYTES_MAX
  if (isKept) shapes[keys.length] = shape
  return shape
}

function isPlain(value: Json): boolean {
  return typeof value === 'object' ? value === null : typeof value !== 'number' || Number.isFinite(value)
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39
}
