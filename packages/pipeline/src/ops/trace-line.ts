import type { Position } from '../log/event-log.ts'

/** `done`: it came to something. `coming`: more will become of it by itself. `amiss`: a person may want to look. `plain`: so it is. */
export type LineState = 'done' | 'coming' | 'amiss' | 'plain'

/** An id that stands in a line. */
export interface Mention {
  id: string
  of: 'event' | 'order' | 'dead_letter'
}

/** A line of a trace's outcome, with what a page needs to show it. */
export interface OutcomeLine {
  /** As in `outcome`, durations in words. */
  what: string
  state: LineState
  /** When it came to be, where that is known. */
  at: string | null
  mentions: Mention[]
  /** The record of the log that says so. */
  record: Position | null
}

export interface Line extends OutcomeLine {
  /** As `outcome` has it: durations in ms. */
  text: string
}

type What = string | ((say: (ms: number) => string) => string)

export function line(state: LineState, what: What, { at = null, mentions = [], record = null }: Partial<OutcomeLine> = {}): Line {
  const of = (say: (ms: number) => string) => (typeof what === 'string' ? what : what(say))
  return { text: of((ms) => `${ms} ms`), what: of(inWords), state, at, mentions, record }
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** 250 ms, 3.2 s, 1 min 13 s, 2 h 5 min: of the largest unit and the next. */
export function inWords(ms: number): string {
  if (ms < 1_000) return `${ms} ms`
  // Rounded first, so that what is 59.96 s does not become 60.
  const tenths = Math.round(ms / 100) / 10
  if (tenths < 60) return `${tenths} s`
  const rest = Math.round(ms / 1_000) * 1_000
  const at = UNITS.findIndex(([, size]) => rest >= size)
  const [unit, size] = UNITS[at] ?? UNITS[2]
  const [below, belowSize] = UNITS[at + 1] ?? (['s', 1_000] as const)
  const less = Math.floor((rest % size) / belowSize)
  return `${Math.floor(rest / size)} ${unit}${less > 0 ? ` ${less} ${below}` : ''}`
}
