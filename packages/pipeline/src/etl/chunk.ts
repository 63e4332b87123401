import { dayOf } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import { step } from '../kernel/crash.ts'
import type { Session } from '../warehouse/warehouse.ts'
import { between } from './checks.ts'
import { daysOfTables, stretchesOf, type Around, type DueDay } from './days.ts'
import type { BatchEngine } from './engine.ts'
import { columnsOf, createTable, holdBronze, withThreads } from './dialect.ts'
import { ANY_STRETCH, selectOf, type Model, type Stretch } from './model.ts'
import { checked, isStopping, KeptOut, type Checked, type KeptOutDay } from './quality.ts'
import { madeWhole, partOf } from './parts.ts'
import { textOf, type EtlStore } from './store.ts'

export interface Work {
  session: Session
  engine: BatchEngine
  store: EtlStore
  models: readonly Model[]
  clock: Clock
  signal: AbortSignal
}

/** Checks that stopped a try, and the days that are kept out for it. */
interface Stopped {
  checks: Checked[]
  days: KeptOutDay[]
}

interface Chunk {
  runId: number
  chunk: readonly DueDay[]
  /** These alone; then the chunk is one day. */
  only?: readonly string[] | undefined
  around: Around
  since: number
  onStep: (at: string) => void
}

/**
 * Makes a chunk's days in every table, and what hangs on them, in one transaction: a reader sees all of it or nothing. Where a check that stops fails, nothing
 * of that remains, and the days that it found are left out of the next try: they stay as they were. Resolves to the days that were made.
 */
export async function runChunk(work: Work, given: Chunk): Promise<readonly DueDay[]> {
  const stopped: Stopped = { checks: [], days: [] }
  let left = given.chunk
  for (;;) {
    try {
      await withThreads(work.session, () => work.session.transaction(() => makeDays(work, { ...given, chunk: left }, stopped)))
      step('etl.after-commit')
      return left
    } catch (error) {
      if (!(error instanceof KeptOut)) throw error
      stopped.checks.push(...error.by)
      const byDay = ({ date }: DueDay) => error.by.find(({ badDays }) => badDays.includes(date))
      // What fails on a day that only hangs on these may be due to any of them.
      const isAny = !left.some(byDay)
      const out = left.filter((day) => isAny || byDay(day))
      const [first] = error.by as [Checked]
      for (const day of out) {
        const { model, name } = byDay(day) ?? first
        stopped.days.push({ date: day.date, model, name })
      }
      left = left.filter((day) => !out.includes(day))
    }
  }
}

async function makeDays(work: Work, { runId, chunk, only, since, onStep, ...given }: Chunk, stopped: Stopped): Promise<void> {
  const { session, engine, store, models, clock, signal } = work
  const done = { days: chunk.length, rowsIn: 0, rowsOut: 0 }
  const dates = chunk.map(({ date }) => date)
  const around = { ...given.around, computed: [...new Set([...given.around.computed, ...dates])].toSorted() }
  const [date] = only ? dates : []
  await holdBronze(session)
  const part = date === undefined ? undefined : partOf(session, models, { date, runId, around, now: textOf(clock()) })
  if (part) await part.begin()
  else {
    await store.markDays(runId, chunk, clock())
    await madeWhole(session, dates)
  }
  const whole = await daysOfTables(models, chunk, around)
  const tables = part ? await part.daysOf(whole, only ?? []) : whole
  const planned = models.flatMap((model) => {
    const days = tables.get(model.name) ?? []
    return days.length === 0 ? [] : [{ model, days, stretches: stretchesOf(days, around.known) }]
  })
  await using rows = await engine.begin({ session, runId, tables: planned, onStep, signal })
  for (const { model, days, stretches } of planned) {
    const found: Checked[] = []
    for (const stretch of stretches) {
      signal.throwIfAborted()
      onStep(model.name)
      const made = await makeStretch({ session, clock }, { model, stretch, select: rows.select(model, stretch) })
      const count = days.filter((day) => stretch.from <= day && day <= stretch.to).length
      await store.addStep(runId, model.name, stretch, { ...made, days: count }, made.startedAt)
      done.rowsIn += made.rowsIn
      done.rowsOut += made.rowsOut
      for (const check of model.checks) {
        signal.throwIfAborted()
        found.push(await checked(session, model, check, count, { ...stretch, today: dayOf(clock()) }))
      }
      step('etl.after-table')
    }
    // Before others are made from it.
    if (found.some(isStopping)) throw new KeptOut(found.filter(isStopping))
    for (const each of found) await store.addCheck(runId, each)
    await part?.made(model, days)
  }
  for (const each of stopped.checks) await store.addCheck(runId, each)
  await store.chunkDone(runId, { ...done, keptOut: stopped.days, seconds: (performance.now() - since) / 1_000 })
  step('etl.before-commit')
}

async function makeStretch(
  { session, clock }: Pick<Work, 'session' | 'clock'>,
  { model, stretch, select }: { model: Model; stretch: Stretch; select: string },
) {
  const startedAt = clock()
  const since = performance.now()
  await session.run(`delete from ${model.name} where ${between('date', stretch)}`)
  const rowsOut = await session.run(`insert into ${model.name} ${select}`)
  let rowsIn = 0
  for (const read of model.reads) rowsIn += await rowsRead(session, read, stretch)
  return { startedAt, rowsIn, rowsOut, seconds: (performance.now() - since) / 1_000 }
}

async function rowsRead(session: Session, table: string, stretch: Stretch): Promise<number> {
  const column = table.startsWith('bronze.') ? 'partition_date' : 'date'
  if (/^(ref|etl)\./.test(table)) return 0
  const [counted] = await session.rows<{ n: number }>(`select count(*) as n from ${table} where ${between(column, stretch)}`)
  return counted!.n
}

/**
 * Every model's table as its SELECT has it. One of another shape is of an older version: it goes. Where one is new, all days are due again, and that is written first: on
 * Snowflake every other table is a transaction of its own, and no table must be empty while its days count as made.
 */
export async function makeTables(session: Session, models: readonly Model[]): Promise<void> {
  let isOutdated = false
  for (const model of models) {
    const select = selectOf(model, ANY_STRETCH, session.dialect)
    const [schema, table] = model.name.split('.') as [string, string]
    const [exists] = await session.rows(
      'select 1 as found from information_schema.tables where lower(table_schema) = $1 and lower(table_name) = $2',
      [schema, table],
    )
    if (exists) {
      const there = await columnsOf(session, `select * from ${model.name}`)
      if (JSON.stringify(there) === JSON.stringify(await columnsOf(session, select))) continue
    }
    if (!isOutdated) await session.run('delete from etl.days')
    isOutdated = true
    if (exists) await session.run(`drop table ${model.name}`)
    await createTable(session, model.name, select)
  }
}
