import { byRule, type AnomalyRule, type Direction, type MinuteTotals, type Seen } from './measures.ts'

/** A window is of one of these lengths: the short ones find what is violent, the long ones what is slight. */
export const HORIZONS = [1, 5, 15, 30] as const
/** So long nothing is learned from a minute: until no window that it lies in is under test any more. */
export const UNDER_TEST_COUNT = 30
/** So many minutes are held: of those under test, and of the longest window that is learned from. */
export const HELD_COUNT = UNDER_TEST_COUNT + 30
/** So many weeks of an hour of the week are kept. */
export const WEEKS_COUNT_MAX = 6
export const HOURS_OF_WEEK = 168

/** What was learned of an hour of the week in one week. */
export interface HourOfWeek extends Seen {
  /** Which week: weeks since that of Monday, 5 January 1970. */
  week: number
}

/** A minute that lies in windows under test, or in those that are learned from next. */
export interface HeldMinute {
  totals: MinuteTotals
  /** What was usual by its hour, and whether that hour of the week was known; null where nothing was. By rule. */
  usual: Record<AnomalyRule, Usual | null>
  /** The rules by which it is no example of what is usual. */
  left: AnomalyRule[]
}

export interface Usual {
  rate: number
  /** By what it is known: its hour of the week, its time of day in other days, or all that there was. */
  by: 'hour' | 'day' | 'all'
}

/** How a measure varies around what is usual. */
export interface Noise {
  /** The noise of single events, as a multiple of Poisson's or the binomial; of an amount, its own variance as a share of its square. */
  dispersion: number
  /** What varies beside it, as a share of what is expected, by length of the window. */
  spreads: number[]
}

/** Out of the usual, from when it began until it is over. */
export interface OpenAnomaly {
  direction: Direction
  since: number
  raisedAt: number
  /** Of what was expected, as it was last found to be out of the usual. */
  ratio: number
}

export interface MeasureState {
  noise: Noise
  /** What came and what was usual by the hour, of late: trends, and days that are unlike others. */
  level: { came: number; usual: number }
  /** All that was learned, the older the less. */
  all: Seen
  open: OpenAnomaly | null
}

/** What is usual at the middles of four hours, of which the second and third are those that the time lies between; null where nothing is known. By rule. */
export interface Curve {
  /** The middle of the second. */
  from: number
  knots: Record<AnomalyRule, { rates: [number, number, number, number]; by: [Usual['by'], Usual['by']] } | null>
}

/** All that a detector knows besides the hours of the week. Plain data: it is kept as JSON and comes back exactly. */
export interface DetectorNow {
  /** The first minute that has yet to be judged; null before the first. */
  next: number | null
  learnedCount: number
  held: HeldMinute[]
  /** Drawn anew with each hour. */
  curve: Curve | null
  measures: Record<AnomalyRule, MeasureState>
}

/** By rule, the weeks of one hour of the week, the oldest first. */
export type Slot = Record<AnomalyRule, HourOfWeek[]>

export interface DetectorState {
  now: DetectorNow
  /** 168 of them. */
  hours: Slot[]
}

const FIRST_DISPERSION = 1
const FIRST_SPREAD = 0.1

export function emptyState(): DetectorState {
  return {
    now: {
      next: null,
      learnedCount: 0,
      held: [],
      curve: null,
      measures: byRule(() => ({
        noise: { dispersion: FIRST_DISPERSION, spreads: HORIZONS.map(() => FIRST_SPREAD) },
        level: { came: 0, usual: 0 },
        all: { sum: 0, exposure: 0 },
        open: null,
      })),
    },
    hours: Array.from({ length: HOURS_OF_WEEK }, emptySlot),
  }
}

export const emptySlot = (): Slot => byRule(() => [])
