import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ATTRIBUTED, CLICKS, ORDERS, RAW_TOPICS, type Ad, type Food, type RawTopic } from '@flowguard/contract'
import type { BatchEngine } from '../../packages/pipeline/src/etl/engine.ts'
import { createEtl } from '../../packages/pipeline/src/etl/etl.ts'
import { MODELS } from '../../packages/pipeline/src/etl/fixture.ts'
import { silentLogger } from '../../packages/pipeline/src/kernel/logging.ts'
import { folderLake } from '../../packages/pipeline/src/lake/adapters/folder.ts'
import { duckdbParquet } from '../../packages/pipeline/src/lake/adapters/parquet-duckdb.ts'
import type { LakeFiles } from '../../packages/pipeline/src/lake/files.ts'
import { lake } from '../../packages/pipeline/src/lake/lake.ts'
import { mirrorIn } from '../../packages/pipeline/src/loader/mirror.ts'
import { groups } from '../../packages/pipeline/src/ops/groups.ts'
import { openMachine, T0, temporaryFolder } from '../../packages/pipeline/src/ops/fixture.ts'
import type { Sent } from './answers.ts'
import { until } from './machine.ts'

const READ_MS_MAX = 600_000
/** A batch of the gateway's. */
const RECORDS_AT_ONCE = 500
const MONTH_MS = 30 * 86_400_000

/** What a record is, where it is no event that the gateway writes. */
export interface Written {
  topic: RawTopic
  key: string
  text: string
  hash?: string
  ts?: number
}

/** The event as the gateway writes it. */
export function written(sent: Sent): Written {
  const { event_id: id, event_type: type, timestamp, user_id: user, ...more } = sent
  const ts = Date.parse(timestamp)
  const base = {
    event_type: type,
    event_id: id,
    user_id: String(user),
    ts,
    timestamp,
    received_at: new Date(ts + 60).toISOString(),
    is_bot: false,
  }
  const order = type === 'order' ? { order_id: `o-${id}`, order_type: 'placed', price: 1, quantity: 1 } : {}
  return {
    topic: type === 'order' ? ORDERS : CLICKS,
    key: String(user),
    text: JSON.stringify({ ...base, ...order, ...more }),
    hash: `hash of ${id}`,
    ts,
  }
}

/** A data folder whose log, bronze and lake hold the records and their answers, with everybody level. `lakeAt`: in place of the folder's own. */
export async function loadedFolder(records: readonly Written[], lakeAt?: LakeFiles) {
  const folder = temporaryFolder()
  const closing = new AsyncDisposableStack()
  closing.use(folder)
  const machine = closing.use(openMachine(folder.path))
  const files = lakeAt ?? folderLake(join(folder.path, 'lake'))
  const { raw, pipeline, warehouse } = machine

  async function add(more: readonly Written[], nowMs: number) {
    machine.setTime(nowMs)
    for (let from = 0; from < more.length; from += RECORDS_AT_ONCE) {
      const batch = more.slice(from, from + RECORDS_AT_ONCE)
      for (const topic of [ORDERS, CLICKS] as const) {
        const own = batch.filter((each) => each.topic === topic)
        const given = own.map(({ key, text, hash }) => ({ key, value: text, headers: hash === undefined ? {} : { content_hash: hash } }))
        if (given.length > 0) await raw.append(topic, given)
      }
    }
  }

  async function levelled(what: string, of: (name: string) => boolean, running: Promise<void>): Promise<void> {
    await using stores = machine.stores()
    const latest = performance.now() + READ_MS_MAX
    const isLevel = async () => (await groups(stores)).readers.every(({ name, caught_up: isThere }) => isThere || !of(name))
    while (!(await isLevel())) {
      if (performance.now() > latest) throw new Error(`${what} does not catch up`)
      await Promise.race([running, wait(20)])
    }
  }

  /** Bronze, too. */
  async function read() {
    const stop = new AbortController()
    const running = machine.readUntil(stop.signal)
    await levelled('a reader', (name) => name !== 'lake', running)
    stop.abort()
    await running
  }

  async function writeLake() {
    const feeds = [
      { log: raw, topics: RAW_TOPICS },
      { log: pipeline.derived, topics: [ATTRIBUTED] as const },
    ]
    const parquet = duckdbParquet(join(folder.path, 'lake.tmp'))
    const mirror = mirrorIn(pipeline.db, pipeline.path, 'lake')
    const stop = new AbortController()
    const running = lake({ files, parquet, feeds, mirror, rowsMax: 500_000, ageMs: 20, clock: Date.now, logger: silentLogger })(stop.signal)
    await Promise.race([until('the lake has begun', () => mirror.read().length > 0), running])
    await levelled('the lake', (name) => name === 'lake', running)
    stop.abort()
    await running
  }

  // Nobody's clock is behind an event, and then time passes, so that everything is answered.
  const latest = records.reduce((most, { ts = 0 }) => Math.max(most, ts), T0)
  await add(records, latest)
  await machine.heartbeat(latest - T0 + MONTH_MS)
  await read()
  await writeLake()

  return {
    path: folder.path,
    machine,
    files,
    add,
    read,
    writeLake,
    /** Makes those days by that engine; resolves to the run. */
    async run(engine: BatchEngine | undefined, from: string, to: string, signal = new AbortController().signal) {
      const reference = async () => ({ foods: FOODS, ads: ADS })
      const deps = { warehouse, models: MODELS, engine, reference, awaited: async () => [], clock: Date.now, logger: silentLogger }
      const etl = createEtl(deps, signal)
      const id = await etl.start({ from, to }, 'operator')
      await etl.idle()
      return (await etl.run(id))!
    },
    /** Keeps silver and gold as they are now, to be compared with. */
    async keep() {
      using session = await warehouse.session()
      await session.run('create schema if not exists kept')
      for (const { name } of MODELS) await session.run(`create or replace table kept.${name.replace('.', '_')} as select * from ${name}`)
    },
    /** Row by row, all columns, lists too: the rows there are of each table, where none differs from what was kept. */
    async assertAsKept(): Promise<Record<string, number>> {
      using session = await warehouse.session()
      const counts: Record<string, number> = {}
      for (const { name } of MODELS) {
        const kept = `kept.${name.replace('.', '_')}`
        const gone = await session.rows(`select * from ${kept} except all select * from ${name} order by all limit 3`)
        const come = await session.rows(`select * from ${name} except all select * from ${kept} order by all limit 3`)
        assert.deepEqual({ name, gone, come }, { name, gone: [], come: [] })
        const [found] = await session.rows<{ n: number }>(`select count(*) as n from ${name}`)
        counts[name] = found?.n ?? 0
      }
      return counts
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

const FOODS: Food[] = [
  { food_id: 1, name: "Paneer's Best", category: 'North Indian', price: 100, description: '', image_url: '', is_available: true },
  { food_id: 2, name: 'Lassi', category: 'Beverages', price: 50.5, description: '', image_url: '', is_available: true },
]
const ADS = [
  { adId: 'ad-9', itemId: 1, campaignId: 'of-the-ad', advertiserId: 'adv-9', pricing: 'cpc', rate: 500, dailyBudget: 0 },
] as unknown as Ad[]
