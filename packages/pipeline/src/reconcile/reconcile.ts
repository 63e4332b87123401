import { ATTRIBUTED, CLICKS, DAY_MS, dayOf, LIVE_MS, MINUTE_MS, TIMED_TOPICS, WINDOW_MS, type Topic } from '@flowguard/contract'
import { rendered } from '../etl/dialect.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause, type Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { Standing } from '../reader/places.ts'
import { BRONZE_TABLES } from '../warehouse/schema.ts'
import type { LoadPlace, Session, Warehouse } from '../warehouse/warehouse.ts'
import type { Span } from './batch-sql.ts'
import type { lookInto, ReconcileBook } from './book.ts'
import { compareSpan, type Compared } from './compare.ts'
import { fillInput, makeInputs } from './inputs.ts'

/** A UTC day, `2026-01-31`. */
export type Day = string
export type Look = ReturnType<typeof lookInto>

export interface ReconcileDeps {
  warehouse: Pick<Warehouse, 'session'>
  /** The pipeline's store as of one moment, until it is disposed of. */
  look: () => Look & Disposable
  book: ReconcileBook
  /** A billing period is closed so many days after its end. */
  closeDays: number
  /** Throws `warehouse_held` where another process is at work on the warehouse; left out: the warehouse itself does. */
  hold?: (() => void) | undefined
  /** Where the loader stands by the pipeline's store, which is never ahead of the warehouse: to ask that costs, on Snowflake. */
  loaded: () => readonly Standing[]
  /** How long the loader is waited for. */
  levelMsMax: number
  clock: Clock
  logger: Logger
}

export interface Planned extends Compared {
  /** Before when everything was settled; null where the days hold nothing that is. */
  settledTo: number | null
}

export interface Reconcile {
  /**
   * Goes through the days, and writes down what it finds; resolves to the run's number. Rejects with `not_level`, or with `not_whole` once it has gone through those days
   * that are whole. One at a time: whoever asks meanwhile waits. After an ETL run, with the days that were missed before.
   */
  run(days: readonly Day[], askedBy: 'operator' | 'etl'): Promise<number>
  /** What a run would find. */
  plan(days: readonly Day[]): Promise<Planned>
  /** Whether the warehouse has such a click of that user. */
  hasClick(userId: string, eventId: string): Promise<boolean>
}

const LEVEL_POLL_MS = 50
/** The same where the warehouse itself says otherwise than the loader did. */
const ASK_AGAIN_MS = 1_000
/** A click earns orders for so long. */
const BEFORE_MS_MIN = WINDOW_MS + MINUTE_MS

/** Stream against batch, day by day and hour by hour. Stopping cuts a run off between two days. */
export function createReconcile(deps: ReconcileDeps, signal: AbortSignal): Reconcile {
  const { book, clock, logger } = deps
  let last: Promise<unknown> = Promise.resolve()

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }

  async function through(days: readonly Day[], onSpan: (compared: Compared, settledTo: number) => void): Promise<void> {
    let refused: Error | undefined
    // One for all days: the loader, which may load every few minutes, is waited for once.
    using look = deps.look()
    for (const day of withNext(days)) {
      signal.throwIfAborted()
      using session = await deps.warehouse.session()
      const stop = () => session.interrupt()
      signal.addEventListener('abort', stop, { once: true })
      try {
        await spanOf(deps, { session, look }, day, signal, onSpan)
      } catch (error) {
        // Other days may be whole.
        if (!hasCode(error, 'not_whole')) throw error
        refused ??= error as Error
      } finally {
        signal.removeEventListener('abort', stop)
      }
    }
    if (refused !== undefined) throw refused
  }

  async function run(days: readonly Day[], askedBy: 'operator' | 'etl'): Promise<number> {
    deps.hold?.()
    const missed = askedBy === 'etl' ? await eventful(deps, book.missed(days)) : []
    const sorted = [...new Set([...missed, ...days])].sort()
    const runId = book.begin(askedBy, sorted[0] ?? dayOf(clock()), sorted.at(-1) ?? dayOf(clock()))
    let unexplained = 0
    let found = 0
    try {
      await through(sorted, (compared, settledTo) => {
        book.write({ runId, settledTo, ...compared })
        found += compared.differences.length
        unexplained += compared.differences.filter(({ cause }) => cause === 'unexplained').length
      })
      book.end(runId, 'done', null)
      logger[unexplained > 0 ? 'warn' : 'info']({ run_id: runId, days: sorted.length, differences: found, unexplained }, 'reconciled')
      return runId
    } catch (error) {
      const isStopped = signal.aborted || hasCode(error, 'query_stopped')
      const { code, message } = error as Error & { code?: string }
      book.end(runId, isStopped ? 'interrupted' : 'failed', code === undefined ? message : `${code}: ${message}`)
      throw error
    }
  }

  return {
    run: (days, askedBy) => inTurn(() => run(days, askedBy)),
    plan: (days) =>
      inTurn(async () => {
        deps.hold?.()
        const planned = {
          hours: [] as Compared['hours'][number][],
          differences: [] as Compared['differences'][number][],
          settledTo: null as number | null,
        }
        await through(days.toSorted(), (compared, settledTo) => {
          planned.hours.push(...compared.hours)
          planned.differences.push(...compared.differences)
          planned.settledTo = settledTo
        })
        return planned
      }),
    async hasClick(userId, eventId) {
      using session = await deps.warehouse.session()
      const sql = `select 1 as found from ${BRONZE_TABLES[CLICKS]} where user_id = $1 and event_id = $2 limit 1`
      return (await session.rows(sql, [userId, eventId])).length > 0
    },
  }
}

/** Those of the days that bronze has events of. */
async function eventful({ warehouse }: ReconcileDeps, days: readonly Day[]): Promise<Day[]> {
  if (days.length === 0) return []
  using session = await warehouse.session()
  const known = await session.rows<{ day: Day }>(
    'select partition_date as day from (select distinct partition_date from bronze.orders_raw union select distinct partition_date from bronze.clicks_raw) as d',
  )
  const all = new Set(known.map(({ day }) => day))
  return days.filter((day) => all.has(day))
}

/** The days, and each that follows one: a click may earn orders beyond midnight. */
const withNext = (days: readonly Day[]): Day[] => [...new Set(days.flatMap((day) => [day, dayOf(Date.parse(day) + DAY_MS)]))].sort()

async function spanOf(
  deps: ReconcileDeps,
  { session, look }: { session: Session; look: Look },
  date: Day,
  signal: AbortSignal,
  onSpan: (compared: Compared, settledTo: number) => void,
): Promise<void> {
  const settledTo = look.settledTo()
  const doubleClickMs = look.doubleClickMsMax()
  if (settledTo === null || doubleClickMs === undefined) throw new FlowGuardError('not_level', 'billing has not read anything yet')
  const from = Date.parse(date)
  const end = from + DAY_MS
  const to = Math.min(end, settledTo)
  if (to <= from) return
  const standings = look.standings()
  await waitForLoader(deps, session, standings, signal)
  const wholeFrom = await wholeSince(session, standings)
  if (from < wholeFrom) throw new FlowGuardError('not_whole', `the warehouse has not all events of ${date}`)
  const span: Span = { from, to, end, settledTo, wholeFrom, beforeMs: Math.max(BEFORE_MS_MIN, doubleClickMs + MINUTE_MS) }
  // With what was settled of the days before.
  using latest = deps.look()
  await makeInputs(session)
  await fill(session, { look, latest }, span, standings)
  const fillOther = async (day: Day) => {
    await fillInput(session, 'recon_ledger', look.orders(day))
    await fillInput(session, 'recon_settled', latest.settledOrders(day))
  }
  const compared = await compareSpan(session, span, { closeDays: deps.closeDays, now: deps.clock(), fillOther })
  signal.throwIfAborted()
  onSpan(compared, settledTo)
}

/** Readers whose effects are compared, and what of it they read. */
const COMPARED = [
  ...(['stream', 'billing'] as const).flatMap((reader) => TIMED_TOPICS.map((topic) => ({ reader, topic: topic as Topic }))),
  { reader: 'billing-orders', topic: ATTRIBUTED as Topic },
] as const

const comparedIn = (standings: readonly Standing[]) =>
  standings.filter(({ reader, topic }) => COMPARED.some((each) => each.reader === reader && each.topic === topic))

type Loaded = Pick<LoadPlace, 'topic' | 'partition' | 'began' | 'expired' | 'next' | 'applied'>

const bronzePlaces = (session: Session) =>
  session.rows<Loaded>('select topic, "partition" as "partition", began, expired, "next" as "next", applied from bronze.places')

/** Of which reader the loader has not loaded all that it has read. */
const behindOf = (standings: readonly Standing[], places: readonly Loaded[]) =>
  comparedIn(standings).find((reader) => {
    const place = places.find(({ topic, partition }) => topic === reader.topic && partition === reader.partition)
    return (place?.next ?? 0) < reader.next && !(place && hasAllEvents(place, reader))
  })

/** What is between is heartbeats, which make no rows, so that their places may be loaded late. */
const hasAllEvents = (place: Loaded, { began, expired, read, heartbeats }: Standing) =>
  place.began === began && place.expired === expired && place.applied === read - heartbeats

/** The warehouse must hold whatever the ledger speaks of. */
async function waitForLoader(
  { levelMsMax, loaded }: ReconcileDeps,
  session: Session,
  standings: readonly Standing[],
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + levelMsMax
  for (;;) {
    const leftMs = signal.aborted ? 0 : until - performance.now()
    const isWorthAsking = leftMs <= 0 || !behindOf(standings, loaded())
    if (isWorthAsking) {
      const behind = behindOf(standings, await bronzePlaces(session))
      if (!behind) return
      if (leftMs <= 0)
        throw new FlowGuardError(
          'not_level',
          `${behind.topic}-${behind.partition} is not loaded up to ${behind.next}, where ${behind.reader} is`,
        )
    }
    await pause(Math.min(leftMs, isWorthAsking ? ASK_AGAIN_MS : LEVEL_POLL_MS), signal)
  }
}

/** From when on the warehouse has all that billing was told; -Infinity where it always had. */
async function wholeSince(session: Session, standings: readonly Standing[]): Promise<number> {
  let since = -Infinity
  for (const { topic, partition, began, expired } of await bronzePlaces(session)) {
    const billing = comparedIn(standings).filter((each) => each.topic === topic && each.partition === partition)
    if (billing.some((each) => expired > each.expired)) return Infinity
    if (topic === ATTRIBUTED || !billing.some((each) => began > each.began)) continue
    const table = BRONZE_TABLES[topic as keyof typeof BRONZE_TABLES]
    const [first] = await session.rows<{ ms: number | null }>(
      rendered(
        `select cast(unix_ms(appended_at) as bigint) as ms from ${table} where source_partition = $1 order by source_offset limit 1`,
        session.dialect,
      ),
      [partition],
    )
    // What lay before it was appended before it, whatever its own time; and a click earns orders for as long.
    since = Math.max(since, (first?.ms ?? Infinity) + LIVE_MS + WINDOW_MS)
  }
  return since
}

async function fill(
  session: Session,
  { look, latest }: { look: Look; latest: Look },
  span: Span,
  standings: readonly Standing[],
): Promise<void> {
  const { from, end, beforeMs } = span
  const [first, last] = [dayOf(from), dayOf(end - 1)]
  const places = new Map<string, [Topic, number, number]>()
  for (const { topic, partition, next } of comparedIn(standings)) {
    const known = places.get(`${topic}-${partition}`)
    places.set(`${topic}-${partition}`, [topic, partition, Math.min(next, known?.[2] ?? Infinity)])
  }
  await fillInput(session, 'recon_places', places.values())
  await fillInput(session, 'recon_terms', look.terms())
  await fillInput(session, 'recon_late', look.late(from - beforeMs))
  await fillInput(session, 'recon_flags', look.flags())
  await fillInput(session, 'recon_ledger', look.ledger(first, last))
  await fillInput(session, 'recon_settled', latest.settled(first, last))
}
