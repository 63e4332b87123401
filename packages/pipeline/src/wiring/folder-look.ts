import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { DATABASE_MIGRATIONS } from '../database/adapters/sqlite-schema.ts'
import { sqliteDatabaseView } from '../database/adapters/sqlite-view.ts'
import { ERASED_FILE, readErased } from '../erasure/erased-list.ts'
import { viewWithoutErased } from '../erasure/erased-log.ts'
import { hasCode } from '../kernel/errors.ts'
import { guarded, openReadOnly, requireSchema } from '../kernel/sqlite.ts'
import { LANE_STORE_SCHEMA } from '../lane-store.ts'
import { sqliteLogView } from '../log/adapters/sqlite-view.ts'
import type { LocalLogView } from '../log/log-view.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { FILES, type PipelineLook } from '../ops/stores.ts'
import { PIPELINE_SCHEMA } from '../pipeline-store.ts'
import { sqliteLaneView } from '../workers/adapters/sqlite-view.ts'
import type { Eye, Tables } from './eye.ts'

/** What shows a store to be ready to be looked at: the newest schema, which its owner brings it to, and the tables of its log. */
const SCHEMAS = { edge: DATABASE_MIGRATIONS, raw: [], pipeline: PIPELINE_SCHEMA, lane: LANE_STORE_SCHEMA } as const

interface OpenedFile<T> {
  db: DatabaseSync
  view: T
}

/** The stores that lie in the data folder. */
export function openFolder(dataDir: string, topics: TopicSpecs) {
  const opened = new Map<keyof typeof FILES, OpenedFile<unknown>>()

  function open(name: keyof typeof FILES): DatabaseSync | undefined {
    const path = join(dataDir, FILES[name])
    let db: DatabaseSync | undefined
    try {
      db = openReadOnly(path)
      requireSchema(db, path, SCHEMAS[name])
      if (name === 'edge' || db.prepare("select 1 from sqlite_schema where name = 'log_batches'").get()) return db
    } catch (error) {
      if (!hasCode(error, 'store_missing')) throw error
    }
    db?.close()
    return undefined
  }

  /** Opened once it is there. */
  function file<T>(name: keyof typeof FILES, viewOf: (db: DatabaseSync) => T | undefined): () => OpenedFile<T> | undefined {
    return () => {
      const before = opened.get(name) as OpenedFile<T> | undefined
      if (before) return before
      const db = open(name)
      const view = db && guarded(join(dataDir, FILES[name]), () => viewOf(db))
      if (!db || view === undefined) {
        db?.close()
        return undefined
      }
      const made = { db, view }
      opened.set(name, made)
      return made
    }
  }

  const logIn = (db: DatabaseSync): LocalLogView | undefined => sqliteLogView(db, topics)
  const rawIn = (db: DatabaseSync): LocalLogView | undefined => {
    const log = logIn(db)
    return log && viewWithoutErased(log, readErased(join(dataDir, ERASED_FILE)))
  }
  const edge = file('edge', sqliteDatabaseView)
  const lane = file('lane', (db) => {
    const log = logIn(db)
    return log && sqliteLaneView(db, log)
  })
  const pipeline = file('pipeline', (db): PipelineLook | undefined => {
    const log = logIn(db)
    return log && { db, log }
  })
  const laneEye = fileEye(lane)
  const edgeEye = fileEye(edge)
  const tables: Eye<Tables> = {
    look: async () => ({ edge: await edgeEye.look(), lane: await laneEye.look() }),
    async hold() {
      const first = await laneEye.hold()
      const second = await edgeEye.hold()
      const release = async () => {
        await second.release()
        await first.release()
      }
      return { view: { edge: second.view, lane: first.view }, release }
    },
    close: async () => undefined,
  }
  return {
    tables,
    raw: fileEye(file('raw', rawIn)),
    pipelineEye: fileEye(pipeline),
    pipeline: () => pipeline()?.view,
    damaged() {
      const found = [...opened].find(([, { db }]) => !isSound(db))
      return found && join(dataDir, FILES[found[0]])
    },
    close() {
      for (const { db } of opened.values()) db.close()
    },
  }
}

/** A look at one file; of one moment while a transaction is open on its connection. */
function fileEye<T>(file: () => OpenedFile<T> | undefined): Eye<T | undefined> {
  return {
    look: async () => file()?.view,
    async hold() {
      const found = file()
      if (!found) return { view: undefined, release: async () => undefined }
      const { db, view } = found
      db.exec('begin')
      try {
        // A transaction begins with its first read.
        db.prepare('select 1 from sqlite_schema').get()
      } catch (error) {
        db.exec('rollback')
        throw error
      }
      return { view, release: async () => db.exec('rollback') }
    },
    close: async () => undefined,
  }
}

function isSound(db: DatabaseSync): boolean {
  try {
    return db.prepare('pragma quick_check(1)').get()?.['quick_check'] === 'ok'
  } catch {
    return false
  }
}
