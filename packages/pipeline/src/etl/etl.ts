import { dayOf, type Ad, type Food } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { Session, Warehouse } from '../warehouse/warehouse.ts'
import type { Severity } from './checks.ts'
import { makeTables, runChunk } from './chunk.ts'
import { chunksOf, dueDays, nextDay, type Day, type DueDay, type KnownDay } from './days.ts'
import { valuesOf } from './dialect.ts'
import { inWarehouse, type BatchEngine } from './engine.ts'
import { modelDocs, type ModelDoc } from './docs.ts'
import type { Model, Stretch } from './model.ts'
import { knownDays, planOf, type Plan } from './plan.ts'
import { keptOutMessage, type CheckState } from './quality.ts'
import { etlStore, type CheckRun, type EtlStore, type RunDetail, type RunShown } from './store.ts'

export interface EtlDeps {
  warehouse: Warehouse
  models: readonly Model[]
  /** Who works out the rows: the warehouse, where none is given. */
  engine?: BatchEngine | undefined
  /** Before each use: keeps the ETL of every other process off these tables, where the warehouse itself does not. Throws `warehouse_held`. */
  hold?: (() => void) | undefined
  /** The catalogue and the ads as they are now. */
  reference: () => Promise<{ foods: readonly Food[]; ads: readonly Ad[] }>
  /**
   * Resolves, within a limit, to what has yet to happen, in words: that all that the log holds by now is loaded, and the orders placed before that instant answered.
   * A run waits longer than a question about it; one of single tables only asks, for whoever makes a day by them has asked before (`ready`), and would wait for each.
   */
  awaited: (asked: { beforeMs: number; by: 'run' | 'question' }, signal: AbortSignal) => Promise<readonly string[]>
  /** Hears of every run; nothing of a run waits for it, or hangs on it. */
  lineage?: RunListener | undefined
  /** Once the days are made: what hangs on them, and is no part of the run. Never rejects. */
  after?: (days: readonly Day[]) => Promise<void>
  clock: Clock
  logger: Logger
}

export interface RunListener {
  began(run: RunShown, models: readonly ModelDoc[]): void
  ended(run: RunDetail, models: readonly ModelDoc[]): void
}

export type AskedBy = 'operator' | 'schedule'

interface Asked {
  asked: Stretch | undefined
  only: readonly string[] | undefined
  askedBy: AskedBy
}

const WAITING = 'waiting for the loader'

export interface Progress {
  run_id: number
  days: number
  days_done: number
  chunk: number
  chunks: number
  /** The days of the chunk: the newest are made first. Null while it waits. */
  from: Day | null
  to: Day | null
  /** What it is doing: a table, or waiting for the loader. */
  at: string
}

export interface Readiness {
  /** What a run over the day would wait for; nothing: all of it that the log holds is loaded. */
  awaited: readonly string[]
  /** Whether bronze has any of it; null where there is something to wait for. */
  has_events: boolean | null
}

export interface Etl {
  /** What a run would do. Nothing asked: what is stale or was cut off. */
  plan(asked: Stretch | undefined): Promise<Plan>
  /**
   * Begins a run and resolves to its number; it goes on by itself, first by waiting for the loader. `only`: these tables of the one day that is asked for, and
   * nothing else that is due. Throws `etl_running` where a run is at work, `model_missing` where there is no such table.
   */
  start(asked: Stretch | undefined, askedBy: AskedBy, only?: readonly string[]): Promise<number>
  /** The days that a run would make for which nothing is asked. */
  due(): Promise<readonly DueDay[]>
  ready(day: Day): Promise<Readiness>
  /** Resolves once no run is at work, nor what follows one. */
  idle(): Promise<void>
  progress(): Progress | undefined
  runs(countMax: number): Promise<readonly RunShown[]>
  run(runId: number): Promise<RunDetail | undefined>
  /** Every check that a model declares, with what came of it in the last runs that looked at it, or at that day. */
  checks(day?: Day): Promise<readonly CheckNow[]>
  models(): Promise<readonly ModelDoc[]>
}

export interface CheckNow {
  model: string
  name: string
  severity: Severity
  state: CheckState | 'never_run'
  latest: CheckRun | null
  /** The latest first. */
  history: readonly { run_id: number; state: CheckState }[]
}

const CHECK_RUNS_SHOWN = 14

/** Silver and gold of the warehouse that this process owns: one run at a time. Stopping cuts a run off between two commits. */
export function createEtl(
  { warehouse, models, engine = inWarehouse, hold, reference, awaited, lineage, after, clock, logger }: EtlDeps,
  signal: AbortSignal,
): Etl {
  let opening: Promise<void> | undefined
  let progress: Progress | undefined
  let running: Promise<void> | undefined
  let following: Promise<unknown> | undefined
  /** They change with the files alone. */
  let docs: readonly ModelDoc[] | undefined

  async function withStore<T>(work: (store: EtlStore, session: Session) => Promise<T>): Promise<T> {
    hold?.()
    using session = await warehouse.session()
    const store = etlStore(session)
    // Whoever asks meanwhile waits: two must not make the same tables.
    opening ??= open(store, session).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    await opening
    return await work(store, session)
  }

  async function open(store: EtlStore, session: Session) {
    const cutOff = await store.open(clock())
    await session.transaction(() => makeTables(session, models))
    for (const runId of cutOff) await told(store, session, runId, 'ended')
  }

  async function told(store: EtlStore, session: Session, runId: number, what: keyof RunListener) {
    if (!lineage) return
    try {
      const run = await store.run(runId)
      docs ??= await modelDocs(session, models)
      if (run) lineage[what](run, docs)
    } catch (error) {
      logger.warn({ err: error, run_id: runId }, 'lineage of this run is not told')
    }
  }

  async function survey(store: EtlStore, asked: Stretch | undefined, only?: readonly string[]) {
    const known = await store.known()
    const due = dueDays(known, asked, await store.left(), dayOf(clock()))
    return { known, due: only ? due.filter(({ why }) => why === 'asked for') : due }
  }

  async function execute({ asked, only, askedBy }: Asked, began: (runId: number) => void): Promise<readonly Day[]> {
    return withStore(async (store, session) => {
      const stop = () => session.interrupt()
      signal.addEventListener('abort', stop, { once: true })
      // Noted before it waits, so that what was asked for is not forgotten where the process dies meanwhile.
      const first = await survey(store, asked, only)
      const runId = await store.begin({ askedBy, engine: engine.name, asked, only, due: first.due }, clock())
      progress = { run_id: runId, days: first.due.length, days_done: 0, chunk: 0, chunks: 0, from: null, to: null, at: WAITING }
      began(runId)
      await told(store, session, runId, 'began')
      let since = performance.now()
      const seconds = () => (performance.now() - since) / 1_000
      try {
        const beforeMs = Date.parse(asked ? nextDay(asked.to) : dayOf(clock()))
        const isLevel = (await awaited({ beforeMs, by: only ? 'question' : 'run' }, signal)).length === 0
        signal.throwIfAborted()
        since = performance.now()
        await session.transaction(() => copyReference(session, reference))
        const { known, due } = await survey(store, asked, only)
        await store.settle(runId, { isLevel, due })
        await chunks({ store, session, runId, known, due, only, since })
        const keptOut = keptOutMessage(runId, await store.keptOut(runId))
        await store.end(runId, keptOut === undefined ? 'done' : 'failed', keptOut ?? null, seconds(), clock())
        if (keptOut === undefined) logger.info({ run_id: runId, days: due.length, seconds: seconds() }, 'etl run done')
        else logger.error({ run_id: runId }, keptOut)
        return only ? [] : due.map(({ date }) => date)
      } catch (error) {
        // Best effort: what cannot be written now is marked when the warehouse is opened again.
        const state = signal.aborted || hasCode(error, 'query_stopped') ? 'interrupted' : 'failed'
        await store.end(runId, state, (error as Error).message, seconds(), clock()).catch(() => (opening = undefined))
        // Who asked for one table too early is told so by the run.
        if (state === 'failed' && !hasCode(error, 'etl_order')) logger.error({ err: error, run_id: runId }, 'etl run failed')
        return []
      } finally {
        signal.removeEventListener('abort', stop)
        await told(store, session, runId, 'ended')
      }
    })
  }

  async function chunks(run: {
    store: EtlStore
    session: Session
    runId: number
    known: readonly KnownDay[]
    due: readonly DueDay[]
    only: readonly string[] | undefined
    since: number
  }) {
    const { store, session, runId, due, only, since } = run
    const planned = chunksOf(due, engine.chunkDaysFirst)
    const known = knownDays(run.known, due)
    const computed = new Set(run.known.filter((day) => day.computed).map(({ date }) => date))
    progress = { run_id: runId, days: due.length, days_done: 0, chunk: 0, chunks: planned.length, from: null, to: null, at: '' }
    for (const [at, chunk] of planned.entries()) {
      signal.throwIfAborted()
      const around = { known, computed: [...computed].toSorted(), openSince: (day: Day) => store.openSince(day) }
      const [from, to] = [chunk[0]?.date ?? null, chunk.at(-1)?.date ?? null]
      const onStep = (name: string) => (progress = { ...(progress as Progress), chunk: at + 1, from, to, at: name })
      const made = await runChunk({ session, engine, store, models, clock, signal }, { runId, chunk, only, around, since, onStep })
      for (const { date } of made) computed.add(date)
      progress = { ...progress, days_done: progress.days_done + chunk.length }
    }
  }

  return {
    plan: (asked) =>
      withStore(async (store, session) => {
        const { known, due } = await survey(store, asked)
        const copied = (schema: string) => copyReference(session, reference, schema)
        return planOf({ session, models, copyReference: copied, known, due, openSince: (day) => store.openSince(day) })
      }),
    async start(asked, askedBy, only) {
      const unknown = (only ?? []).filter((table) => !models.some(({ name }) => name === table))
      if (unknown.length > 0) throw new FlowGuardError('model_missing', `there is no ${unknown.join(', ')} in silver or gold`)
      if (running) throw new FlowGuardError('etl_running', `run ${progress?.run_id ?? 'about to begin'} is at work`)
      const began = Promise.withResolvers<number>()
      running = execute({ asked, only, askedBy }, began.resolve)
        .then(
          (days) => void (following = Promise.all([following, days.length > 0 && after?.(days)])),
          (error: unknown) => began.reject(error),
        )
        .finally(() => {
          running = undefined
          progress = undefined
        })
      return began.promise
    },
    async idle() {
      await running
      await following
    },
    progress: () => progress,
    due: () => withStore(async (store) => (await survey(store, undefined)).due),
    runs: (countMax) => withStore((store) => store.runs(countMax)),
    run: (runId) => withStore((store) => store.run(runId)),
    models: () => withStore((_store, session) => modelDocs(session, models)),
    checks: (day) => withStore(async (store) => checksNow(models, await store.checks(CHECK_RUNS_SHOWN, day))),
    async ready(day) {
      const beforeMs = Date.parse(nextDay(day))
      const waits = [...(beforeMs > clock() ? ['the day is not over'] : []), ...(await awaited({ beforeMs, by: 'question' }, signal))]
      if (waits.length > 0) return { awaited: waits, has_events: null }
      using session = await warehouse.session()
      return { awaited: waits, has_events: await etlStore(session).hasEvents(day) }
    },
  }
}

function checksNow(models: readonly Model[], runs: readonly CheckRun[]): CheckNow[] {
  const of = Map.groupBy(runs, ({ model, name }) => `${model} ${name}`)
  return models.flatMap(({ name: model, checks }) =>
    checks.map(({ name, severity }) => {
      const found = of.get(`${model} ${name}`) ?? []
      const [latest = null] = found
      const history = found.map(({ run_id: runId, state }) => ({ run_id: runId, state }))
      return { model, name, severity, state: latest?.state ?? 'never_run', latest, history }
    }),
  )
}

const REFERENCE_ROWS_AT_ONCE = 1_000

/** Silver compares with the catalogue as it is when it runs. */
async function copyReference(session: Session, reference: EtlDeps['reference'], schema = 'ref.'): Promise<void> {
  const { foods, ads } = await reference()
  const tables = [
    [
      'foods',
      'cast(c1 as bigint), c2, c3, cast(c4 as decimal(18, 2))',
      foods.map((food) => [food.food_id, food.name, food.category, food.price.toFixed(2)]),
    ],
    ['ads', 'c1, cast(c2 as bigint), c3, c4', ads.map((ad) => [ad.adId, ad.itemId, ad.campaignId, ad.advertiserId])],
  ] as const
  for (const [table, columns, rows] of tables) {
    await session.run(`delete from ${schema}${table}`)
    for (let from = 0; from < rows.length; from += REFERENCE_ROWS_AT_ONCE) {
      const values = valuesOf('given', ['c1', 'c2', 'c3', 'c4'], rows.slice(from, from + REFERENCE_ROWS_AT_ONCE), session.dialect)
      await session.run(`insert into ${schema}${table} select ${columns} from ${values}`)
    }
  }
}
