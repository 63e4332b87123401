import type { Clock } from '../kernel/lifecycle.ts'
import { step } from '../kernel/crash.ts'
import type { Row, Session } from '../warehouse/warehouse.ts'
import { daysOfTables, stretchesOf, type Around, type Day, type DueDay } from './days.ts'
import { createTable, withThreads } from './dialect.ts'
import { selectOf, type Model, type Stretch } from './model.ts'
import type { EtlStore } from './store.ts'

/** Of the rows that fail a check, as many are kept for looking at. */
const FAILED_ROWS_MAX = 100

export interface Work {
  session: Session
  store: EtlStore
  models: readonly Model[]
  clock: Clock
  signal: AbortSignal
}

export interface ChunkDone {
  days: number
  rowsIn: number
  rowsOut: number
  checksFailed: number
}

/** Makes a chunk's days in every table, and what hangs on them, in one transaction: a reader sees all of it or nothing. */
export async function runChunk(
  { session, store, models, clock, signal }: Work,
  {
    runId,
    chunk,
    around,
    since,
    onModel,
  }: { runId: number; chunk: readonly DueDay[]; around: Around; since: number; onModel: (name: string) => void },
): Promise<ChunkDone> {
  const done: ChunkDone = { days: chunk.length, rowsIn: 0, rowsOut: 0, checksFailed: 0 }
  const make = async () => {
    await store.markDays(runId, chunk, clock())
    const tables = await daysOfTables(models, chunk, around)
    for (const model of models) {
      const days = tables.get(model.name) ?? []
      for (const stretch of stretchesOf(days, around.known)) {
        signal.throwIfAborted()
        onModel(model.name)
        const made = await makeStretch({ session, clock }, model, stretch)
        const count = days.filter((day) => stretch.from <= day && day <= stretch.to).length
        await store.addStep(runId, model.name, stretch, { ...made, days: count }, made.startedAt)
        done.rowsIn += made.rowsIn
        done.rowsOut += made.rowsOut
        for (const check of model.checks) {
          signal.throwIfAborted()
          const { failing, kept } = await failingRows(session, check.failing(model.name, between('date', stretch)))
          await store.addCheck(runId, model.name, check.name, stretch, failing, kept)
          if (failing > 0) done.checksFailed += 1
        }
        step('etl.after-table')
      }
    }
    await store.chunkDone(runId, { ...done, seconds: (performance.now() - since) / 1_000 })
    step('etl.before-commit')
  }
  await withThreads(session, () => session.transaction(make))
  step('etl.after-commit')
  return done
}

const between = (column: string, { from, to }: Stretch) => `${column} between date '${from}' and date '${to}'`

async function makeStretch({ session, clock }: Pick<Work, 'session' | 'clock'>, model: Model, stretch: Stretch) {
  const startedAt = clock()
  const since = performance.now()
  const select = selectOf(model, stretch)
  await session.run(`delete from ${model.name} where ${between('date', stretch)}`)
  const rowsOut = await session.run(`insert into ${model.name} by name ${select}`)
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

async function failingRows(session: Session, select: string): Promise<{ failing: number; kept: Row[] }> {
  const [counted] = await session.rows<{ n: number | null }>(`select sum(failing) as n from (${select}) as failed`)
  const failing = counted!.n ?? 0
  if (failing === 0) return { failing: 0, kept: [] }
  return { failing, kept: await session.rows(`select * exclude (failing) from (${select}) as failed limit ${FAILED_ROWS_MAX}`) }
}

/** Every model's table as its SELECT has it. One of another shape is of an older version: it goes. Where one is new, all days are due again. */
export async function makeTables(session: Session, models: readonly Model[]): Promise<void> {
  const anyDay: Day = '1970-01-01'
  let isOutdated = false
  for (const model of models) {
    const columnsOf = (what: string) =>
      session.rows<{ column_name: string; column_type: string }>(`select column_name, column_type from (describe ${what})`)
    const wanted = await columnsOf(selectOf(model, { from: anyDay, to: anyDay }))
    const [schema, table] = model.name.split('.') as [string, string]
    const [exists] = await session.rows('select 1 as found from information_schema.tables where table_schema = $1 and table_name = $2', [
      schema,
      table,
    ])
    if (exists) {
      if (JSON.stringify(await columnsOf(`select * from ${model.name}`)) === JSON.stringify(wanted)) continue
      await session.run(`drop table ${model.name}`)
    }
    isOutdated = true
    await session.run(createTable(model.name, wanted))
  }
  if (isOutdated) await session.run('delete from etl.days')
}
