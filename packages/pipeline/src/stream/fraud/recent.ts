import { SECOND_MS } from '@flowguard/contract'
import { generations } from '../../kernel/generations.ts'

/** The full second that a time lies in, as a number of seconds. */
export const secondOf = (ts: number) => Math.floor(ts / SECOND_MS)

/** What lies within a sliding window, subject by subject, to the second: what happened in second s is in the window at t where t − s is less than the window. */
export interface Recent {
  clear(): void
  /** Returns how many there are now, with this one. Time does not go back. */
  add(subject: string, second: number, member: string): number
  /** How many there are at that second. */
  countAt(subject: string, second: number): number
  /** When the oldest leaves the window; Infinity where nothing is in it. */
  leavesAt(subject: string): number
}

/** Of one subject: seconds and how many of each, the oldest first, in one flat list; what lies before `head` has left the window. */
interface Counted {
  flat: number[]
  head: number
  total: number
}

/** So much of a list may have left the window before it is cut off. */
const GONE_MAX = 64

/** Counts what happened. */
export function recentCounts(windowSeconds: number): Recent & { countBefore(subject: string, second: number): number } {
  const subjects = generations<Counted>(windowSeconds)
  const prune = (of: Counted, second: number) => {
    const { flat } = of
    while (of.head < flat.length && (flat[of.head] as number) <= second - windowSeconds) {
      of.total -= flat[of.head + 1] as number
      of.head += 2
    }
    if (of.head === flat.length || of.head > GONE_MAX) {
      flat.splice(0, of.head)
      of.head = 0
    }
  }
  const countAt = (subject: string, second: number) => {
    const of = subjects.get(subject)
    if (of) prune(of, second)
    return of?.total ?? 0
  }
  return {
    clear: () => subjects.clear(),
    add(subject, second) {
      const of = touched(subjects, subject, second, () => ({ flat: [], head: 0, total: 0 }))
      prune(of, second)
      const { flat } = of
      if (flat[flat.length - 2] === second) flat[flat.length - 1] = (flat[flat.length - 1] as number) + 1
      else flat.push(second, 1)
      return (of.total += 1)
    },
    countAt,
    /** Without those of that second itself. */
    countBefore(subject, second) {
      const count = countAt(subject, second)
      const flat = subjects.get(subject)?.flat ?? []
      return flat[flat.length - 2] === second ? count - (flat[flat.length - 1] as number) : count
    },
    leavesAt(subject) {
      const of = subjects.get(subject)
      return (of?.flat[of.head] ?? Infinity) + windowSeconds
    },
  }
}

/** Counts members that did something: each once, by when it did so last. */
export function recentMembers(windowSeconds: number): Recent {
  /** The member of the longest ago first. */
  const subjects = generations<Map<string, number>>(windowSeconds)
  const prune = (of: Map<string, number>, second: number) => {
    for (const [member, seen] of of) {
      if (seen > second - windowSeconds) return
      of.delete(member)
    }
  }
  return {
    clear: () => subjects.clear(),
    add(subject, second, member) {
      const of = touched(subjects, subject, second, () => new Map())
      prune(of, second)
      of.delete(member)
      of.set(member, second)
      return of.size
    },
    countAt(subject, second) {
      const of = subjects.get(subject)
      if (!of) return 0
      prune(of, second)
      return of.size
    },
    leavesAt(subject) {
      const [oldest] = subjects.get(subject)?.values() ?? []
      return (oldest ?? Infinity) + windowSeconds
    },
  }
}

/** What is known of a subject, which is touched: it is known for a window more. */
function touched<T>(subjects: ReturnType<typeof generations<T>>, subject: string, second: number, make: () => T): T {
  subjects.turn(second)
  const of = subjects.get(subject) ?? make()
  subjects.set(subject, of)
  return of
}
