import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openSqliteDatabase } from './database/adapters/sqlite.ts'
import { DATABASE_MIGRATIONS } from './database/adapters/sqlite-schema.ts'
import type { Database } from './database/database.ts'
import { hasCode } from './kernel/errors.ts'
import type { Clock } from './kernel/lifecycle.ts'
import { guarded, openReadOnly, requireSchema } from './kernel/sqlite.ts'
import { LANE_STORE_SCHEMA } from './lane-store.ts'
import { openSqliteLogReader } from './log/adapters/sqlite.ts'
import { sqliteLogView } from './log/adapters/sqlite-view.ts'
import type { EventLog } from './log/event-log.ts'
import type { TopicSpecs } from './log/topics.ts'
import { FILES, type LogStore, type Stores } from './ops/stores.ts'
import { PIPELINE_SCHEMA } from './pipeline-store.ts'

/** What shows a store to be ready to be looked at: the newest schema, which its owner brings it to, and the tables of its log. */
const SCHEMAS = { edge: DATABASE_MIGRATIONS, raw: [], pipeline: PIPELINE_SCHEMA, lane: LANE_STORE_SCHEMA } as const

/** Opens what there is in a data folder to look at it, beside the processes that own it. */
export function openStores({ dataDir, topics, clock }: { dataDir: string; topics: TopicSpecs; clock: Clock }): Stores {
  const opened: {
    edge?: DatabaseSync | undefined
    raw?: LogStore | undefined
    pipeline?: LogStore | undefined
    lane?: LogStore | undefined
  } = {}

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

  function logStore(name: 'raw' | 'pipeline' | 'lane'): LogStore | undefined {
    const db = open(name)
    const log = db && guarded(join(dataDir, FILES[name]), () => sqliteLogView(db, topics))
    if (log) return { db, log }
    db?.close()
    return undefined
  }

  return {
    dataDir,
    topics,
    clock,
    get edge() {
      return (opened.edge ??= open('edge'))
    },
    get raw() {
      return (opened.raw ??= logStore('raw'))
    },
    get pipeline() {
      return (opened.pipeline ??= logStore('pipeline'))
    },
    get lane() {
      return (opened.lane ??= logStore('lane'))
    },
    [Symbol.dispose]() {
      for (const db of [opened.edge, opened.raw?.db, opened.pipeline?.db, opened.lane?.db]) db?.close()
    },
  }
}

/** The log of one store, to be read on from any place, beside the process that writes it. Throws `store_missing` where there is none. */
export function openLogReader(
  store: 'raw' | 'pipeline',
  { dataDir, topics, clock }: { dataDir: string; topics: TopicSpecs; clock: Clock },
): EventLog {
  return openSqliteLogReader({ path: join(dataDir, FILES[store]), topics, clock })
}

/** The operational tables, to change a write key: the one thing that a command writes beside their owner. Makes them where there are none. */
export function openDatabase({ dataDir, clock }: { dataDir: string; clock: Clock }): Database {
  return openSqliteDatabase({ path: join(dataDir, FILES.edge), clock })
}
