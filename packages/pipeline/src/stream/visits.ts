import type { DatabaseSync } from 'node:sqlite'
import { METRICS, MINUTE_MS, SESSIONS, WINDOW_MS, type AdWindow } from '@flowguard/contract'
import type { Position, TransactionalLog } from '../log/event-log.ts'
import { doubleClicks } from '../reader/double-clicks.ts'
import { byTime, dueQueue } from '../reader/due-queue.ts'
import { journalIn, type Entry, type Journal } from '../reader/journal.ts'
import type { JourneyIndex } from './journey-index.ts'
import { sessionRow, userSessions, type OpenSession } from './sessions/user-sessions.ts'
import type { Fraud } from './fraud/fraud.ts'
import { byVisit, decodeStep, encodeStep, type Step } from './step.ts'
import { adWindows, minuteOf, windowKey } from './windows/ad-windows.ts'

const OWNER = 'stream/steps'
/** So far back the journal holds every step: what an order may be due to, and the window that is open. What an open session did before is summed up in a line of its own. */
const HELD_MS = WINDOW_MS + MINUTE_MS

/** An open session as of a watermark: it holds every step before that. */
export interface Summary {
  session: OpenSession
  asOf: number
}

interface Options {
  /** Left out where another engine tells windows and sessions: then only sessions that may go on are followed here. */
  derived?: TransactionalLog
  journeys: JourneyIndex
  doubleClickMs: number
  fraud?: Fraud
}

/**
 * What users do, in the order of event time, once the watermark has passed it: so windows, sessions and double clicks hang on no order of arrival. Steps are lines of
 * a journal; after a restart they are gone through again, and what came out of them before does not come out twice.
 */
export function visitsIn(db: DatabaseSync, { derived, journeys, doubleClickMs, fraud }: Options) {
  const journal = journalIn(db, OWNER)
  const waiting = dueQueue<Step>()
  const doubles = doubleClicks(doubleClickMs)
  const windows = adWindows()
  const sessions = userSessions()
  /** Before when what an open session did is summed up, in the last such line. */
  let summedUp = 0

  /** Brings the steps into the order of time, and goes through them; returns the sessions that were found to be over. */
  function work(due: Step[]): OpenSession[] {
    const over: OpenSession[] = []
    if (derived) count(due)
    for (const step of due.sort(byVisit)) {
      const before = sessions.add(step)
      if (before) over.push(before)
    }
    return over
  }

  function count(steps: Step[]) {
    const double = new Set(steps.sort(byTime).filter((step) => isClickOfAd(step) && doubles.isDouble(step)))
    for (const step of steps) windows.add(step, double.has(step))
  }

  /** The same of what was gone through before a restart, as far as it still counts in something. */
  function workAgain(done: Step[], summaries: ReadonlyMap<string, Summary>, passed: number) {
    // What may make a click of the open window a double one, and that window.
    if (derived) count(done.filter(({ ts }) => ts >= minuteOf(passed) - doubleClickMs))
    windows.close(passed)
    for (const step of done.sort(byVisit)) {
      if (step.ts >= (summaries.get(step.userId)?.asOf ?? -Infinity)) sessions.add(step)
    }
    sessions.settle()
    sessions.close(passed)
  }

  function tell(to: TransactionalLog, closed: readonly AdWindow[], over: readonly OpenSession[]) {
    if (closed.length > 0) {
      const records = closed.map((row) => ({ key: windowKey(row.item_id, row.campaign_id), value: JSON.stringify(row), headers: {} }))
      to.appendNow(METRICS, records)
    }
    if (over.length > 0) {
      const records = over.map((session) => ({ key: session.userId, value: JSON.stringify(sessionRow(session)), headers: {} }))
      const positions = to.appendNow(SESSIONS, records)
      over.forEach(({ userId, startedAt }, at) => journeys.note(userId, startedAt, positions[at] as Position))
    }
  }

  /** What leaves the journal is summed up before, session by session. */
  function forget(passed: number) {
    const bound = minuteOf(passed) - HELD_MS
    if (bound <= summedUp) return
    for (const session of sessions.all()) {
      if (session.heldFrom >= bound) continue
      session.heldFrom = passed
      journal.add(JSON.stringify({ session, asOf: passed } satisfies Summary), passed)
    }
    summedUp = bound
    journal.write()
    journal.dropBefore(bound)
  }

  return {
    /** Fills the memory from the journal. `passed`: the highest watermark that there was. `onClick` is told of every click that there is, and of where its line is. */
    load(passed: number, onClick: (click: Step, entry: Entry) => void) {
      for (const each of [waiting, doubles, windows, sessions]) each.clear()
      summedUp = minuteOf(passed) - HELD_MS
      const done: Step[] = []
      const summaries = new Map<string, Summary>()
      for (const { line, entry } of linesOf(journal)) {
        const step = recordedIn(line)
        if ('session' in step) {
          summaries.set(step.session.userId, step)
          continue
        }
        if (step.kind === 'click') onClick(step, entry)
        if (step.ts >= passed) waiting.add(step)
        else if (!step.isBehind) done.push(step)
      }
      for (const { session } of summaries.values()) sessions.restore(session)
      workAgain(done, summaries, passed)
      fraud?.load(done, passed)
    },
    /** A click or an impression that has come in, and where its line is. `passed`: as of `load`. */
    arrive(step: Step, passed: number): Entry {
      if (step.ts >= passed) waiting.add(step)
      // Of a partition that is new: what it would have counted in is closed. It may still earn an order.
      else step.isBehind = true
      return journal.add(encodeStep(step), step.ts)
    },
    /** The watermark has come to `passed`, and these orders before it are answered. Appends what is closed now; before the transaction commits. */
    pass(orders: readonly Step[], passed: number) {
      for (const order of orders) journal.add(encodeStep(order), order.ts)
      const due = [...waiting.take(passed), ...orders]
      const found = work(due)
      fraud?.pass(due, passed)
      const over = found.concat(sessions.close(passed))
      if (derived) tell(derived, windows.close(passed), over)
      forget(passed)
      journal.write()
    },
    lineAt: (entry: Entry) => journal.line(entry),
  }
}

/** A click always has an ad. */
function isClickOfAd(step: Step): step is Step & { adId: string } {
  return step.kind === 'click' && step.adId !== null
}

/** What a line of the journal says. */
export function recordedIn(line: string): Step | Summary {
  return line.startsWith('{') ? (JSON.parse(line) as Summary) : decodeStep(line)
}

/** Of a store that others write: the rows of the journal in which the text is found, of so many at a time. */
export function* stepRows(db: DatabaseSync, text: string, count: number): Generator<string[]> {
  const { first, last } = db.prepare('select min(seq) as first, max(seq) as last from journal where owner = ?').get(OWNER) as {
    first: number | null
    last: number | null
  }
  const select = db.prepare('select lines from journal where owner = ? and seq >= ? and seq < ? and instr(lines, ?) > 0 order by seq')
  for (let seq = first ?? 0; seq <= (last ?? -1); seq += count) {
    yield select.all(OWNER, seq, seq + count, text).map(({ lines }) => lines as string)
  }
}

function* linesOf(journal: Journal): Generator<{ line: string; entry: Entry }> {
  for (const { seq, lines } of journal.load()) for (const [at, line] of lines.entries()) yield { line, entry: { seq, line: at } }
}
