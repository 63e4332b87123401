import { join } from 'node:path'
import { CLICKS, type Topic } from '@flowguard/contract'
import { silentLogger, type Logger } from '../../kernel/logging.ts'
import { openSqliteLog } from '../../log/adapters/sqlite.ts'
import type { EventLog } from '../../log/event-log.ts'
import { openPipelineStore, type PipelineStore } from '../../pipeline-store.ts'
import { readerLoop, type Handler } from '../loop.ts'
import { standingsIn, type Fate } from '../places.ts'
import { START, temporaryFolder, TOPICS as topics } from './fixture.ts'

export const clock = () => START

/** The raw log and the pipeline's store, in files. */
export function machine() {
  const folder = temporaryFolder()
  const file = (name: string) => join(folder.path, name)
  const raw = openSqliteLog({ path: file('raw-log.db'), topics, clock })
  const store = openPipelineStore(file('pipeline.db'), topics, clock)
  store.db.exec('create table effect (name text)')
  return {
    file,
    raw,
    store,
    effects: () => (store.db.prepare('select name from effect order by name').all() as { name: string }[]).map(({ name }) => name),
    read: () => standingsIn(store.db).reduce((sum, each) => sum + each.read, 0),
    async append(...names: string[]) {
      await raw.append(
        CLICKS,
        names.map((name) => ({ key: `key of ${name}`, value: name, headers: {} })),
      )
    },
    async [Symbol.asyncDispose]() {
      await raw[Symbol.asyncDispose]()
      store[Symbol.dispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** Keeps each record's value as its effect. */
export function keeping({ db }: PipelineStore, more: Partial<Handler> = {}): Handler {
  const insert = db.prepare('insert into effect values (?)')
  return { load() {}, apply: (batch) => batch.map(({ value }): Fate => (insert.run(value), 'applied')), timeOf: () => -1, ...more }
}

interface RunOptions {
  name?: string
  topics?: readonly Topic[]
  /** Records of a batch. */
  countMax?: number
  log?: EventLog
  logger?: Logger
  stop?: AbortController
}

/** Runs the loop until it has read all that there is. */
export async function run(store: PipelineStore, raw: EventLog, handler: Handler, options: RunOptions = {}) {
  const { name = 'mine', topics: read = [CLICKS], countMax, logger = silentLogger, stop = new AbortController() } = options
  const log: EventLog = {
    ...raw,
    async read(places, limit) {
      const batch = await raw.read(places, { countMax: countMax ?? limit.countMax, waitMs: 0 })
      if (batch.length === 0) stop.abort()
      return batch
    },
  }
  await readerLoop({ name, topics: read, log, handler }, { ...store, clock, logger })(stop.signal)
}
