import { randomBytes } from 'node:crypto'

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/**
 * The `traceparent` to carry on with: the client's where it is valid, what a later version adds left out, else a new one.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparentOf(header: string | undefined): string {
  return validTraceparent(header) ?? newTraceparent()
}

/** The client's, where it is valid, without what a later version adds. */
export function validTraceparent(header: string | undefined): string | undefined {
  const [, version, traceId = '', parentId = '', flags, more] = (header === undefined ? null : TRACEPARENT.exec(header)) ?? []
  const isValid =
    version !== undefined && version !== 'ff' && !(version === '00' && more) && !/^0*$/.test(traceId) && !/^0*$/.test(parentId)
  return isValid ? `00-${traceId}-${parentId}-${flags}` : undefined
}

/** The correlation id of every log line about one event. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35)
}

const POOL_BYTES = 24 * 256
let pool = Buffer.alloc(0)
let used = 0

/** Random bytes drawn in bulk: one call of the system for 256 ids. */
function newTraceparent(): string {
  if (used + 24 > pool.length) {
    pool = randomBytes(POOL_BYTES)
    used = 0
  }
  const hex = pool.toString('hex', used, used + 24)
  used += 24
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`
}
