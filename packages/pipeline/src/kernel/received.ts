/** `order_id` is a UUIDv7 that the gateway makes when it receives the order: its first 48 bits are that instant. */
const ORDER_ID = /"order_id":"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/
const RECEIVED_AT = '"received_at":"'
/** `2026-01-31T19:30:00.000Z` */
const RECEIVED_CHARS = 24

/**
 * When the gateway received the event in a record's value, ms since 1970; undefined where it does not say. For measuring only: it looks at the text, and parses
 * nothing.
 */
export function receivedMsOf(value: string): number | undefined {
  // The gateway writes it behind what the client sent.
  const at = value.lastIndexOf(RECEIVED_AT)
  if (at >= 0) {
    const from = at + RECEIVED_AT.length
    const ms = Date.parse(value.slice(from, from + RECEIVED_CHARS))
    return Number.isNaN(ms) ? undefined : ms
  }
  const [, high, low] = ORDER_ID.exec(value) ?? []
  return high === undefined || low === undefined ? undefined : Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16)
}

/** How many records of a batch say how long they took; the others count as their neighbours do. */
const SAMPLE_COUNT = 16

/** Tells of some records of a batch, spread over it, how old they are by now, in seconds, and for how many records each of them stands. */
export function sampleAges(
  values: readonly { value: string | Uint8Array }[],
  now: number,
  tell: (seconds: number, count: number) => void,
): void {
  const stride = Math.ceil(values.length / SAMPLE_COUNT)
  for (let at = 0; at < values.length; at += stride) {
    const { value } = values[at] as { value: string | Uint8Array }
    const receivedMs = typeof value === 'string' ? receivedMsOf(value) : undefined
    if (receivedMs !== undefined) tell(Math.max(0, now - receivedMs) / 1_000, Math.min(stride, values.length - at))
  }
}
