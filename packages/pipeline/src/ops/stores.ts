import type { DatabaseSync } from 'node:sqlite'
import type { Compared } from '../billing/counters.ts'
import type { DatabaseView } from '../database/database-view.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { LocalLogView, LogView } from '../log/log-view.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { standingsIn, type Standing } from '../reader/places.ts'
import type { LaneView } from '../workers/lane-view.ts'

/** The pipeline's own store: it lies on this machine whatever the others are, and is looked at without waiting. */
export interface PipelineLook {
  db: DatabaseSync
  /** The derived topics. */
  log: LocalLogView
}

/** What may lie elsewhere, and may have to be waited for. */
export interface Far {
  /** What the workers own: places and tables of the general lane, and their dead letters on the way to the pipeline. */
  readonly lane: LaneView | undefined
  /** Operational tables. */
  readonly edge: DatabaseView | undefined
  /** Orders and clicks. */
  readonly raw: LogView | undefined
  /** General events: the same log as `raw`, where the general lane has none of its own. */
  readonly events: LogView | undefined
}

/** What there is to look at. What has not been made yet is undefined. */
export interface Looked extends Far {
  readonly dataDir: string
  readonly topics: TopicSpecs
  readonly clock: Clock
  /** Readers' places and tables, and the derived topics. */
  readonly pipeline: PipelineLook | undefined
}

/** Every store that the addresses name, to be looked at only. What has not been made yet is looked for again each time. */
export interface Stores extends AsyncDisposable {
  readonly dataDir: string
  readonly topics: TopicSpecs
  readonly clock: Clock
  readonly pipeline: PipelineLook | undefined
  /** As they are, each question by itself. Only these, and all where none is named: one that does not answer keeps nobody from the others. */
  look(...only: (keyof Far)[]): Promise<Looked>
  /**
   * Each as of one moment, until it is disposed of: the pipeline's first, then the workers', then the operational tables, then the raw logs. So whatever one of
   * them speaks of lies in those after it: what a reader has read is in the log, and an order that has left the outbox is too. One at a time: whoever asks
   * meanwhile waits.
   */
  snapshot(): Promise<Looked & AsyncDisposable>
  /** How the counters that are kept elsewhere differ from the ledger's, where that can be said; left out where none are. */
  readonly compareCounters: (() => Promise<Compared | undefined>) | undefined
  /** Where what SQLite found damaged lies: it says of an error only that there is one. */
  damaged(): string | undefined
}

export const FILES = { edge: 'edge.db', raw: 'raw-log.db', pipeline: 'pipeline.db', lane: 'lane.db' } as const

/** Where every reader stands, whichever store its places lie in. */
export async function standingsOf({ pipeline, lane }: Pick<Looked, 'pipeline' | 'lane'>): Promise<Standing[]> {
  const own = pipeline ? standingsIn(pipeline.db) : []
  return lane ? [...own, ...(await lane.standings())] : own
}

/** Runs work on all stores, each as of one moment. */
export async function inSnapshot<T>(stores: Stores, work: (at: Looked) => Promise<T>): Promise<T> {
  await using at = await stores.snapshot()
  return await work(at)
}
