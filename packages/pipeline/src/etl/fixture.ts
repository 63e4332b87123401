import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ad, Food } from '@flowguard/contract'
import { ROOT } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import type { Param, Row } from '../warehouse/warehouse.ts'
import { createEtl, type EtlDeps, type RunListener } from './etl.ts'
import { readModels, type Model, type Stretch } from './model.ts'

export const MODELS = readModels(join(ROOT, 'packages/pipeline/models'))
const NOW = Date.parse('2026-04-10T12:00:00Z')

const FOODS = [
  { food_id: 1, name: 'Dal', category: 'North Indian', price: 100 },
  { food_id: 2, name: 'Lassi', category: 'Beverages', price: 50.5 },
] as Food[]

const ADS = [{ adId: 'ad-9', itemId: 1, campaignId: 'of-the-ad', advertiserId: 'adv-9' }] as Ad[]

type Given = Readonly<Record<string, Param>>

/** What a record of each topic is, where a test says nothing else. `at` is its event time; `$offset` counts on. */
const DEFAULTS = {
  orders_raw: {
    event_type: 'order',
    item_id: 1,
    price: '100.00',
    quantity: 1,
    status: 'placed',
    is_bot: false,
    content_hash: 'same',
    source_topic: 'raw.orders.v1',
  },
  clicks_raw: { event_type: 'click', item_id: 1, ad_id: 'ad-1', is_bot: false, content_hash: 'same', source_topic: 'raw.clicks.v1' },
  attributed_raw: { event_type: 'attributed', source_topic: 'attributed.events.v1' },
} as const satisfies Record<string, Given>
type Bronze = keyof typeof DEFAULTS

/** An open warehouse in a folder of its own, with the ETL over it, and ways to put records into bronze. */
export async function openWarehouse({
  models = MODELS,
  prepare,
  lineage,
  hold,
  awaited = async () => [],
}: {
  models?: readonly Model[]
  prepare?: (path: string) => Promise<void>
  lineage?: RunListener
  hold?: EtlDeps['hold']
  awaited?: EtlDeps['awaited']
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-etl-'))
  const path = join(folder, 'warehouse.duckdb')
  await prepare?.(path)
  const open = () => openDuckdb({ path, tempDir: join(folder, 'tmp'), memoryMb: 512, threads: 2 })
  let warehouse = open()
  let session = await warehouse.session()
  let now = NOW
  let stop = new AbortController()
  const deps = () => ({
    warehouse,
    models,
    reference: async () => ({ foods: FOODS, ads: ADS }),
    awaited,
    lineage,
    hold,
    clock: () => now,
    logger: silentLogger,
  })
  let etl = createEtl(deps(), stop.signal)
  let offset = 0

  async function put(table: Bronze, rows: readonly Given[]) {
    for (const { at, ...given } of rows) {
      offset += 1
      const isAnswer = table === 'attributed_raw'
      const time = at === undefined ? {} : { appended_at: at, partition_date: String(at).slice(0, 10) }
      const row: Given = {
        ...DEFAULTS[table],
        source_partition: 0,
        source_offset: offset,
        ...time,
        ...(isAnswer ? { order_timestamp: at ?? null } : { event_id: `e${offset}`, event_timestamp: at ?? null, received_at: at ?? null }),
        ...(table === 'orders_raw' ? { order_id: `o${offset}` } : {}),
        ...given,
      }
      const names = Object.keys(row)
      await session.run(
        `insert into bronze.${table} (${names.join(', ')}) values (${names.map((_name, index) => `$${index + 1}`).join(', ')})`,
        Object.values(row),
      )
    }
  }

  return {
    folder,
    orders: (...rows: Given[]) => put('orders_raw', rows),
    clicks: (...rows: Given[]) => put('clicks_raw', rows),
    attributed: (...rows: Given[]) => put('attributed_raw', rows),
    rows: <T = Row>(sql: string) => session.rows<T>(sql),
    exec: (sql: string, params: readonly Param[] = []) => session.run(sql, params),
    etl: () => etl,
    session: () => session,
    at: (time: string) => void (now = Date.parse(time)),
    async run(from?: string, to = from) {
      const asked: Stretch | undefined = from === undefined ? undefined : { from, to: to as string }
      const id = await etl.start(asked, 'operator')
      await etl.idle()
      return (await etl.run(id))!
    },
    /** Everything in silver and gold, so that two ways to it can be compared. */
    async hashes() {
      const found: Record<string, unknown> = {}
      for (const { name } of models) {
        const [row] = await session.rows<{ n: number; h: string }>(
          `select count(*) as n, cast(sum(hash(t::varchar)::hugeint) as varchar) as h from ${name} t`,
        )
        found[name] = row
      }
      return found
    },
    /** As after a process died: another one opens the file. */
    async reopen() {
      stop.abort()
      await etl.idle()
      session[Symbol.dispose]()
      await warehouse[Symbol.asyncDispose]()
      warehouse = open()
      session = await warehouse.session()
      stop = new AbortController()
      etl = createEtl(deps(), stop.signal)
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await etl.idle()
      session[Symbol.dispose]()
      await warehouse[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
