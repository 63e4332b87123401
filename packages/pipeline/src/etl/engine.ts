import type { Session } from '../warehouse/warehouse.ts'
import { CHUNK_DAYS_FIRST } from './days.ts'
import { selectOf, type Model, type Stretch } from './model.ts'

/** Who works out the rows of silver and gold. Where they lie, and what they are checked by, is the warehouse, whoever it is. */
export interface BatchEngine {
  /** As BATCH_ENGINE names it. */
  name: 'warehouse' | 'spark'
  /** Of a run's first chunk, in days: few where little is to be done to begin with one. */
  chunkDaysFirst: number
  /**
   * Makes ready what a chunk is to be filled with: every table's stretches, each table after those that it reads. Inside the chunk's transaction, so that what is read is
   * bronze as this sees it; where it throws, nothing of the chunk remains.
   */
  begin(batch: Batch): Promise<BatchRows>
}

export interface Batch {
  session: Session
  runId: number
  tables: readonly { model: Model; stretches: readonly Stretch[] }[]
  /** What it is doing: a table, or what it waits for. */
  onStep: (at: string) => void
  signal: AbortSignal
}

export interface BatchRows extends AsyncDisposable {
  /** A SELECT in the warehouse's words: the rows of one of the stretches, its columns as the table has them. */
  select(model: Model, stretch: Stretch): string
}

/** Each stretch by its own statement, when it is its turn. */
export const inWarehouse: BatchEngine = {
  name: 'warehouse',
  chunkDaysFirst: CHUNK_DAYS_FIRST,
  begin: async ({ session }) => ({
    select: (model, stretch) => selectOf(model, stretch, session.dialect),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
}
