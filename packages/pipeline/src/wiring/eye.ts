import type { DatabaseView } from '../database/database-view.ts'
import type { LaneView } from '../workers/lane-view.ts'

/** What is opened for one moment, and how it is let go. */
export interface Held<T> {
  view: T
  release(): Promise<void>
}

/** One or two stores of an engine: looked at as they are, or as of one moment. */
export interface Eye<T> {
  look(): Promise<T>
  hold(): Promise<Held<T>>
  close(): Promise<void>
}

export interface Tables {
  edge: DatabaseView | undefined
  lane: LaneView | undefined
}
