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
  const object = value as { readonly [key: string]: Json }
  let text = '{'
  for (const key of Object.keys(object).sort()) {
    text += `${text === '{' ? '' : ','}${JSON.stringify(key)}:${write(object[key] as Json)}`
  }
  return `${text}}`
}
