import type { LiveState } from 'flowguard/answers'

/** Up to where the alerts have been looked at. */
export interface Seen {
  /** Offsets of another log say nothing: the data folder may have been replaced. */
  log: string
  offset: number
}

/** The last offset that has been seen; -1 where none has. */
export const lastSeen = (log: string | null, seen: Seen | undefined): number => (seen && seen.log === log ? seen.offset : -1)

export function unseenCount(alerts: Pick<LiveState['alerts'], 'total' | 'newest' | 'log'> | undefined, seen: Seen | undefined): number {
  if (!alerts || alerts.newest === null) return 0
  return Math.max(0, Math.min(alerts.total, alerts.newest - lastSeen(alerts.log, seen)))
}

/** As it was kept; undefined where nothing was, or something else. */
export function seenIn(text: string | null): Seen | undefined {
  try {
    const { log, offset } = JSON.parse(text ?? '{}') as Partial<Seen>
    return typeof log === 'string' && typeof offset === 'number' ? { log, offset } : undefined
  } catch {
    return undefined
  }
}
