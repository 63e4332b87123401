import type { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import {
  ATTRIBUTED,
  SESSION_GAP_MS,
  SESSIONS,
  type AttributedEvent,
  type Journey,
  type JourneySession,
  type Session,
} from '@flowguard/contract'
import type { LogView } from '../log/log-view.ts'
import { userHash, type JourneyTopic } from './journey-index.ts'
import type { JourneyPage } from './journey-view.ts'
import { passedIn, pendingIn } from './pending.ts'
import { markOrders, sessionRow, userSessions, type OpenSession } from './sessions/user-sessions.ts'
import { byVisit, orderStep, type Step } from './step.ts'
import { recordedIn, stepRows, type Summary } from './visits.ts'

/** Journal rows that are looked through before others of this process have their turn: some milliseconds. */
const TURN_ROWS = 1_000
/** Attributed orders of a page of sessions. */
const ORDERS_MAX = 500

interface Found {
  ts: number
  topic: JourneyTopic
  partition: number
  position: number
}

/** One user's journey, as of the moment in which the store is: a transaction is to be open on it. `log`: the derived topics that lie in it. */
export async function journeyIn(
  db: DatabaseSync,
  log: LogView | undefined,
  userId: string,
  { before, limit }: JourneyPage,
): Promise<Journey> {
  const own = <T extends { user_id: string }>(rows: readonly T[]) => rows.filter((row) => row.user_id === userId)
  const attributedAt = async (at: readonly Found[]) => own(await rowsAt<AttributedEvent>(log, at))
  const running = before === undefined ? await runningIn(db, userId, (since) => attributedAt(ordersSince(db, userId, since))) : undefined
  const found = foundIn(db, userId, {
    before,
    limit: running ? limit - 1 : limit,
    runningFrom: running && Date.parse(running.started_at),
  })
  const of = (topic: JourneyTopic) => found.filter((each) => each.topic === topic)
  const closed = own(await rowsAt<Session>(log, of(SESSIONS)))
  const sessions: JourneySession[] = closed.map((session) => ({ ...session, is_running: false }))
  if (running) sessions.unshift({ ...running, is_running: true })
  const last = sessions.length >= limit ? sessions.at(-1) : undefined
  return {
    user_id: userId,
    sessions,
    attributed_orders: await attributedAt(of(ATTRIBUTED)),
    next_before: last?.started_at ?? null,
  }
}

/** Where the latest orders since then lie that an ad led to. */
function ordersSince(db: DatabaseSync, userId: string, since: number): Found[] {
  return db
    .prepare('select ts, topic, partition, position from journeys where user_hash = ? and topic = ? and ts >= ? order by ts desc limit ?')
    .all(userHash(userId), ATTRIBUTED, since, ORDERS_MAX) as unknown as Found[]
}

interface Sought {
  before: number | undefined
  limit: number
  /** When the session began that goes on: it may be all of the page. */
  runningFrom: number | undefined
}

/** Where the sessions lie that began before then, the latest first, and the orders since the first of the page began. */
function foundIn(db: DatabaseSync, userId: string, { before = Number.MAX_SAFE_INTEGER, limit, runningFrom }: Sought): Found[] {
  const select = db.prepare(
    'select ts, topic, partition, position from journeys where user_hash = ? and topic = ? and ts >= ? and ts < ? order by ts desc limit ?',
  )
  const hash = userHash(userId)
  const sessions = select.all(hash, SESSIONS, 0, before, limit) as unknown as Found[]
  const since = sessions.length === limit ? (sessions.at(-1)?.ts ?? runningFrom ?? 0) : 0
  return [...sessions, ...(select.all(hash, ATTRIBUTED, since, before, ORDERS_MAX) as unknown as Found[])]
}

async function rowsAt<T>(log: LogView | undefined, found: readonly Found[]): Promise<T[]> {
  const rows: T[] = []
  for (const { topic, partition, position } of found) {
    for await (const batch of log?.batchesAt(topic, partition, position, 'later') ?? []) {
      const record = batch.fault === undefined ? batch.records().find(({ offset }) => offset === position) : undefined
      if (record) rows.push(JSON.parse(record.value) as T)
      break
    }
  }
  return rows
}

/** The session that may go on, with what time has yet to pass, too. Which of its orders an ad led to is in its steps, or, where Flink answers, in what it wrote. */
async function runningIn(
  db: DatabaseSync,
  userId: string,
  attributedSince: (since: number) => Promise<readonly AttributedEvent[]>,
): Promise<Session | undefined> {
  const { summary, steps } = await recordedOf(db, userId)
  for (const { order, ts } of pendingIn(db)) {
    if (order.user_id === userId && !order.is_bot) steps.push(orderStep(order, ts, null))
  }
  const hasOrders = steps.some(({ kind }) => kind === 'order') || (summary && summary.session.orders > 0)
  const since = Math.min(summary?.session.startedAt ?? Infinity, ...steps.map(({ ts }) => ts))
  const attributed = hasOrders ? await attributedSince(since) : []
  const ids = new Set(attributed.map(({ event_id: id }) => id))
  const sessions = userSessions()
  const asOf = summary?.asOf ?? -Infinity
  if (summary) sessions.restore(marked(summary, attributed))
  for (const step of steps.filter(({ ts }) => ts >= asOf).sort(byVisit)) {
    sessions.add(ids.has(step.id) ? { ...step, isAttributed: true } : step)
  }
  const session = sessions.of(userId)
  return session && session.endedAt + SESSION_GAP_MS >= passedIn(db) ? sessionRow(session) : undefined
}

/** What the journal holds of a user: how the session stood that goes on, and steps, those before that among them. */
async function recordedOf(db: DatabaseSync, userId: string): Promise<{ summary: Summary | undefined; steps: Step[] }> {
  const name = JSON.stringify(userId)
  const steps: Step[] = []
  let summary: Summary | undefined
  for (const rows of stepRows(db, name, TURN_ROWS)) {
    for (const line of rows.flatMap((each) => each.split('\n')).filter((each) => each.includes(name))) {
      const recorded = recordedIn(line)
      if ('session' in recorded) {
        if (recorded.session.userId === userId) summary = recorded
      } else if (recorded.userId === userId && !recorded.isBehind) steps.push(recorded)
    }
    await setImmediate()
  }
  return { summary, steps }
}

/** A session that was summed up before it was known which orders an ad led to, as it is where Flink answers: orders of one user, item and time have one answer. */
function marked({ session, asOf }: Summary, attributed: readonly AttributedEvent[]): OpenSession {
  if (session.attributedOrders > 0) return session
  const own = attributed.map(({ timestamp, item_id: itemId }) => ({ ts: Date.parse(timestamp), itemId }))
  const isSummedUp = ({ ts }: { ts: number }) => ts >= session.startedAt && ts < asOf
  return markOrders(session, own.filter(isSummedUp))
}
