const OFFENDERS_MAX = 10

/** One line of the books. */
export interface Check {
  name: string
  ok: boolean
  /** What was compared. */
  detail: string
  expected: number
  actual: number
  /** What does not fit: the first few, and how many there are in all. */
  offenders: string[]
  offenders_total: number
}

/** A check that is being made: it holds unless a fault is found. */
export function checking(name: string) {
  const offenders: string[] = []
  let total = 0
  return {
    fault(text: string) {
      total += 1
      if (offenders.length < OFFENDERS_MAX) offenders.push(text)
    },
    done(figures: { detail: string; expected: number; actual: number }): Check {
      return { name, ok: total === 0, ...figures, offenders, offenders_total: total }
    },
  }
}
