import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ATTRIBUTED, CLICKS, isoOf, RAW_TOPICS } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import type { NewRecord } from '../log/event-log.ts'
import { mirrorIn } from '../loader/mirror.ts'
import { eventually, memoryStore, START, TOPICS } from '../reader/testing/fixture.ts'
import { folderLake } from './adapters/folder.ts'
import { duckdbParquet } from './adapters/parquet-duckdb.ts'
import { check, type LakeCheck } from './contents.ts'
import { lake, type LakeOptions } from './lake.ts'

export const NEVER = new AbortController().signal

/** A click as the gateway would have logged it. */
export function click(id: string, ts: number, more: { user_id?: string } = {}): NewRecord {
  const user = more.user_id ?? 'u1'
  const event = {
    event_type: 'click',
    event_id: id,
    ts,
    received_at: isoOf(ts),
    is_bot: false,
    ad_id: 'a1',
    item_id: 7,
    ...more,
    user_id: user,
  }
  return { key: user, value: JSON.stringify(event), headers: { content_hash: `hash of ${id}`, traceparent: '' } }
}

/** A log, a lake in a folder, and what a process that runs the one into the other has. */
export function bench() {
  const root = mkdtempSync(join(tmpdir(), 'flowguard-lake-'))
  const clock = { now: START }
  const log = openSqliteLog({ path: join(root, 'raw-log.db'), topics: TOPICS, clock: () => clock.now })
  const files = folderLake(join(root, 'lake'))
  let processes = 0

  /** A lake's process: on the files given, or those of the folder. */
  function process(more: Partial<LakeOptions> = {}) {
    const store = memoryStore()
    const parquet = duckdbParquet(join(root, `tmp-${(processes += 1)}`))
    const feeds = [
      { log, topics: RAW_TOPICS },
      { log: store.derived, topics: [ATTRIBUTED] as const },
    ]
    const mirror = mirrorIn(store.db, ':memory:', 'lake')
    const options: LakeOptions = {
      files,
      parquet,
      // A process of its own would have other derived topics.
      feeds: processes === 1 ? feeds : feeds.slice(0, 1),
      mirror,
      rowsMax: 1_000,
      ageMs: 5,
      clock: () => clock.now,
      logger: silentLogger,
      ...more,
    }
    const read = () => mirror.read().reduce((sum, each) => sum + each.read, 0)
    return { store, options, parquet, read }
  }

  return {
    root,
    log,
    files,
    clock,
    process,
    /** Runs the lake until it has read so many records. */
    async fill(count: number, more: Partial<LakeOptions> = {}) {
      const one = process(more)
      const stop = new AbortController()
      const running = lake(one.options)(stop.signal)
      try {
        await Promise.race([eventually(() => one.read() >= count, `the lake has read ${count}`), running])
      } finally {
        stop.abort()
        await running
      }
      return one
    },
    checked: (): Promise<LakeCheck> =>
      check({
        files,
        parquet: duckdbParquet(join(root, 'tmp-check')),
        folder: join(root, 'fetched'),
        signal: NEVER,
        onEntry: () => undefined,
      }),
    clicks: (count: number, at: (n: number) => number = () => START) =>
      log.append(
        CLICKS,
        Array.from({ length: count }, (_, n) => click(`c${n}`, at(n), { user_id: `u${n % 20}` })),
      ),
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]()
      rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
