import { isoOf, SESSION_GAP_MS, SESSION_PATH_MAX, toRupees, type Session, type SessionStep } from '@flowguard/contract'
import type { Step, StepKind } from '../step.ts'

/** A session that may go on. */
export interface OpenSession {
  userId: string
  startedAt: number
  endedAt: number
  events: number
  impressions: number
  clicks: number
  orders: number
  attributedOrders: number
  paise: number
  entryItemId: number | null
  /** The first items. */
  path: number[]
  /** The first steps, flat: so that a million sessions take little. */
  steps: PackedStep[]
  /** What it did before is known without the journal. */
  heldFrom: number
}

type PackedStep = number | StepKind | null | boolean
const PACKED = 4

/**
 * Sessions: a user's events with no gap over 30 minutes (CONTRACT, Attribution); they are to come in the order of their time. In memory are those
 * that may still go on.
 */
export function userSessions() {
  /** The one that was touched longest ago first: so it is known at once which are over. */
  const open = new Map<string, OpenSession>()

  return {
    clear: () => open.clear(),
    /** What is known without their steps; these are added then, and `settle` ends it. */
    restore(session: OpenSession) {
      open.set(session.userId, session)
    },
    settle() {
      const all = [...open.values()].sort((a, b) => a.endedAt - b.endedAt)
      open.clear()
      for (const session of all) open.set(session.userId, session)
    },
    /** Returns the user's session that was over before this one began. */
    add(step: Step): OpenSession | undefined {
      const { userId, ts } = step
      const current = open.get(userId)
      const isOver = current !== undefined && ts - current.endedAt > SESSION_GAP_MS
      const session = current && !isOver ? current : newSession(step)
      if (current) open.delete(userId)
      open.set(userId, session)
      grow(session, step)
      return isOver ? current : undefined
    },
    /** Those that no event at or after the watermark can belong to. */
    close(watermark: number): OpenSession[] {
      const over: OpenSession[] = []
      for (const session of open.values()) {
        if (session.endedAt + SESSION_GAP_MS >= watermark) break
        over.push(session)
      }
      for (const { userId } of over) open.delete(userId)
      return over
    },
    of: (userId: string) => open.get(userId),
    all: () => open.values(),
    size: () => open.size,
  }
}

function newSession({ userId, ts, itemId }: Step): OpenSession {
  return {
    userId,
    startedAt: ts,
    endedAt: ts,
    events: 0,
    impressions: 0,
    clicks: 0,
    orders: 0,
    attributedOrders: 0,
    paise: 0,
    entryItemId: itemId,
    path: [],
    steps: [],
    heldFrom: ts,
  }
}

function grow(session: OpenSession, { kind, ts, itemId, paise, isAttributed }: Step): void {
  session.endedAt = ts
  session.events += 1
  if (kind === 'impression') session.impressions += 1
  else if (kind === 'click') session.clicks += 1
  else {
    session.orders += 1
    session.paise += paise
    if (isAttributed) session.attributedOrders += 1
  }
  if (itemId !== null && session.path.length < SESSION_PATH_MAX) session.path.push(itemId)
  if (session.steps.length < SESSION_PATH_MAX * PACKED) session.steps.push(ts, kind, itemId, isAttributed)
}

/** The session with these of its orders attributed; those that its steps do not tell any more are counted too. */
export function markOrders(session: OpenSession, orders: readonly { ts: number; itemId: number }[]): OpenSession {
  const keys = new Set(orders.map(({ ts, itemId }) => `${ts} ${itemId}`))
  const steps = session.steps.map((field, at) => {
    if (at % PACKED !== PACKED - 1) return field
    const [ts, kind, itemId] = session.steps.slice(at - PACKED + 1, at)
    return kind === 'order' && keys.has(`${ts} ${itemId}`)
  })
  return { ...session, steps, attributedOrders: orders.length }
}

/** As it lies in `sessions.v1`. */
export function sessionRow(session: OpenSession): Session {
  const { userId, startedAt, endedAt, events, impressions, clicks, orders, attributedOrders, paise, entryItemId, path } = session
  return {
    session_id: `${userId}/${startedAt}`,
    user_id: userId,
    started_at: isoOf(startedAt),
    ended_at: isoOf(endedAt),
    duration_ms: endedAt - startedAt,
    events,
    impressions,
    clicks,
    orders,
    attributed_orders: attributedOrders,
    revenue: toRupees(paise),
    entry_item_id: entryItemId,
    path,
    steps: stepsOf(session),
    outcome: orders > 0 ? 'ordered' : clicks > 0 ? 'clicked' : 'viewed',
  }
}

function stepsOf({ steps }: OpenSession): SessionStep[] {
  return Array.from({ length: steps.length / PACKED }, (_, n) => {
    const [ts, event_type, item_id, attributed] = steps.slice(n * PACKED, (n + 1) * PACKED)
    return { ts, event_type, item_id, attributed } as SessionStep
  })
}
