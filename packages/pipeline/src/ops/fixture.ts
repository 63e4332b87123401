import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ATTRIBUTED, CLICKS, ORDERS, RAW_TOPICS, RECON, TIMED_TOPICS, type Ad, type OrderType, type Topic } from '@flowguard/contract'
import { sqliteBillingView } from '../billing/adapters/sqlite-view.ts'
import { budgetAlerts } from '../billing/budgets.ts'
import { clickCharges } from '../billing/click-charges.ts'
import { orderCharges } from '../billing/order-charges.ts'
import { reconCharges } from '../billing/recon-charges.ts'
import { termsIn } from '../billing/terms.ts'
import { openSqliteDatabase } from '../database/adapters/sqlite.ts'
import { ROOT } from '../kernel/config.ts'
import { runAll } from '../kernel/lifecycle.ts'
import { createEtl, type EtlDeps } from '../etl/etl.ts'
import { silentLogger } from '../kernel/logging.ts'
import { loader } from '../loader/loader.ts'
import { mirrorIn } from '../loader/mirror.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import { readTopics } from '../log/topics.ts'
import { openPipelineStore } from '../pipeline-store.ts'
import { gateIn } from '../reader/gate.ts'
import { readerLoop, type Handler } from '../reader/loop.ts'
import type { Fate } from '../reader/places.ts'
import type { LogRecord } from '../log/event-log.ts'
import { passedIn } from '../reader/passed.ts'
import { openStores } from '../stores.ts'
import { streamProcessor } from '../stream/processor.ts'
import { openDuckdb } from '../warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import { groups } from './groups.ts'
import { FILES } from './stores.ts'
import { isRaw } from './topics.ts'

const WAIT_MS_MAX = 20_000
export const T0 = Date.parse('2026-03-01T12:00:00Z')
export const TOPIC_SPECS = readTopics(join(ROOT, 'config/kafka/topics.yaml'))

const ADS = [
  { adId: 'cpc-1', itemId: 1, campaignId: 'c1', advertiserId: 'a1', pricing: 'cpc', rate: 500, dailyBudget: 0 },
  { adId: 'cpm-1', itemId: 1, campaignId: 'c1', advertiserId: 'a1', pricing: 'cpm', rate: 9_000, dailyBudget: 0 },
  { adId: 'cpa-1', itemId: 1, campaignId: 'c2', advertiserId: 'a2', pricing: 'cpa', rate: 2_500, dailyBudget: 2_000 },
] as Ad[]

export function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-ops-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

export interface Sent {
  id: string
  user?: string
  item?: number
  /** Event time after `T0`, in milliseconds. */
  at: number
  /** Written into the event over what is here. */
  more?: Record<string, unknown>
}

interface MachineOptions {
  /** What the stream is to pass over, as a fault in it would. */
  loses?: (eventId: string) => boolean
  /** Left out: DuckDB's in the folder. The machine closes it. */
  warehouse?: Warehouse
}

/** The real stores and the real readers on one folder; whatever the gateway would have written is written here. */
export function openMachine(dataDir: string, options: MachineOptions = {}) {
  let now = T0
  const clock = () => now
  const topics = TOPIC_SPECS
  const database = openSqliteDatabase({ path: join(dataDir, FILES.edge), clock })
  const raw = openSqliteLog({ path: join(dataDir, FILES.raw), topics, clock })
  const pipeline = openPipelineStore(join(dataDir, FILES.pipeline), topics, clock)
  const { db, path, derived } = pipeline
  const warehouse =
    options.warehouse ??
    openDuckdb({ path: join(dataDir, WAREHOUSE.file), tempDir: join(dataDir, WAREHOUSE.temp), memoryMb: 256, threads: 1 })
  termsIn(db, { doubleClickMs: 2_000, clock }).note(ADS)
  const billing = sqliteBillingView(path, () => database.ads())
  const feeds = [
    { log: raw, topics: RAW_TOPICS },
    { log: derived, topics: [ATTRIBUTED] as const },
  ]
  const adOf = (adId: string) => ADS.find((ad) => ad.adId === adId)
  const headersOf = (id: string) => ({ content_hash: `hash of ${id}`, traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` })
  const base = ({ id, user = 'u1', item = 1, at }: Sent) => {
    now = Math.max(now, T0 + at)
    return { event_id: id, user_id: user, item_id: item, received_at: new Date(now).toISOString(), is_bot: false, ts: T0 + at }
  }
  const parts = () => {
    const store = { db, path, derived, clock, logger: silentLogger }
    const budgets = budgetAlerts(derived, adOf, clock)
    const clicks = clickCharges({
      db,
      gate: gateIn(db, 'billing', topics),
      adOf,
      budgets,
      doubleClickMs: 2_000,
      logger: silentLogger,
    })
    const stream = losing(
      streamProcessor({ db, derived, gate: gateIn(db, 'stream', topics), doubleClickMs: 2_000, logger: silentLogger }),
      options.loses,
    )
    return [
      readerLoop({ name: 'stream', topics: TIMED_TOPICS, log: raw, handler: stream }, store),
      readerLoop({ name: 'billing', topics: TIMED_TOPICS, log: raw, handler: clicks }, store),
      loader({ bronze: warehouse.bronze, feeds, mirror: mirrorIn(db, path), rowsMax: 20_000, ageMs: 0, clock, logger: silentLogger }),
      readerLoop(
        { name: 'billing-orders', topics: [ATTRIBUTED], log: derived, handler: orderCharges({ db, topics, adOf, budgets, clock }) },
        store,
      ),
      readerLoop({ name: 'billing-recon', topics: [RECON], log: derived, handler: reconCharges({ db, budgets }) }, store),
    ]
  }

  return {
    database,
    raw,
    pipeline,
    warehouse,
    /** As the operations API has it. */
    billing,
    setTime: (ms: number) => (now = ms),
    async click(sent: Sent, ad = 'cpc-1', type: 'click' | 'impression' = 'click') {
      const event = { event_type: type, ad_id: ad, ...base(sent), ...sent.more }
      await raw.append(CLICKS, [{ key: event.user_id, value: JSON.stringify(event), headers: headersOf(sent.id) }])
    },
    /** Into the database and its outbox. Resolves to the order's id. */
    async order(sent: Sent, orderType: OrderType = 'placed', clientOrderId: string | null = null) {
      const orderId = `order-of-${sent.id}`
      const event = {
        event_type: 'order',
        ...base(sent),
        order_id: orderId,
        order_type: orderType,
        price: 249.5,
        quantity: 2,
        ...sent.more,
      }
      const { event_id: eventId, user_id: userId } = event
      const headers = headersOf(sent.id)
      const contentHash = headers.content_hash
      const [result] = await database.take([{ eventId, orderId, clientOrderId, orderType, userId, contentHash, headers, event }])
      return (result as { orderId: string }).orderId
    },
    /** Outbox to log, as the relay does it. */
    async ship() {
      const rows = await database.outbox(10_000)
      await raw.append(
        ORDERS,
        rows.map(({ record }) => record),
      )
      await database.shipped(rows.at(-1)?.id ?? 0)
    },
    /** Moves every partition's time. */
    async heartbeat(at: number) {
      now = Math.max(now, T0 + at)
      for (const topic of TIMED_TOPICS) {
        const value = JSON.stringify({ event_type: 'heartbeat', ts: T0 + at })
        await raw.append(
          topic,
          Array.from({ length: topics[topic].partitions }, (_, partition) => ({ key: '', value, headers: {}, partition })),
        )
      }
    },
    /** Lets every reader catch up. */
    async read() {
      const stop = new AbortController()
      const running = runAll(parts(), stop.signal)
      await using stores = openStores({ dataDir, topics, clock })
      const until = performance.now() + WAIT_MS_MAX
      for (;;) {
        const { readers } = await groups(stores)
        if (readers.every((reader) => reader.caught_up)) break
        const lags = readers.map(({ name, lag }) => `${name} ${lag}`)
        if (performance.now() > until) throw new Error(`the readers have not caught up: ${lags.join(', ')}`)
        await Promise.race([running, wait(5)])
      }
      stop.abort()
      await running
    },
    readUntil: (signal: AbortSignal) => runAll(parts(), signal),
    /** Retention: what was appended before that time, and every reader has passed. */
    async trimBefore(at: number, trimmed: readonly Topic[]) {
      for (const topic of trimmed) {
        const log = isRaw(topic) ? raw : derived
        await log.trim(topic, { appendedBefore: T0 + at, readBefore: passedIn([db], topic, topics[topic].partitions) })
      }
    },
    stores: () => openStores({ dataDir, topics, clock }),
    async [Symbol.asyncDispose]() {
      billing[Symbol.dispose]()
      await warehouse[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
      await raw[Symbol.asyncDispose]()
      pipeline[Symbol.dispose]()
    },
  }
}

function losing(handler: Handler, loses?: (eventId: string) => boolean): Handler {
  if (!loses) return handler
  const isLost = ({ value }: LogRecord) => loses((JSON.parse(value) as { event_id?: string }).event_id ?? '')
  return {
    ...handler,
    apply(batch) {
      const fates = handler.apply(batch.filter((record) => !isLost(record)))[Symbol.iterator]()
      return batch.map((record) => (isLost(record) ? 'skipped' : (fates.next().value as Fate)))
    },
  }
}

export type TestMachine = ReturnType<typeof openMachine>

/** A small day: every outcome once. */
export async function smallDay(machine: TestMachine): Promise<void> {
  await machine.database.replaceAds(ADS)
  await machine.heartbeat(0)
  await machine.click({ id: 'click-paid', at: 1_000 })
  await machine.click({ id: 'click-double', at: 2_000 })
  await machine.click({ id: 'click-repeat', user: 'u2', at: 3_000 })
  await machine.click({ id: 'click-repeat', user: 'u2', at: 3_000 })
  await machine.click({ id: 'click-bot', user: 'u3', at: 3_000, more: { is_bot: true } })
  await machine.click({ id: 'click-cpa', user: 'u4', at: 4_000 }, 'cpa-1')
  await machine.click({ id: 'shown', at: 4_500 }, 'cpm-1', 'impression')
  await machine.order({ id: 'order-paid', at: 5_000 })
  await machine.order({ id: 'order-alone', user: 'u5', at: 5_000 })
  const cancelled = await machine.order({ id: 'order-cancelled', user: 'u4', at: 6_000 })
  await machine.order({ id: 'cancel', user: 'u4', at: 7_000 }, 'cancelled', cancelled)
  await machine.ship()
  await machine.raw.append(CLICKS, [{ key: 'u6', value: '{"event_type":"nonsense"}', headers: {} }])
  await machine.heartbeat(60_000)
  await machine.read()
  await machine.click({ id: 'click-late', at: 10_000 })
  await machine.order({ id: 'order-late', at: 11_000 })
  await machine.ship()
  await machine.order({ id: 'order-pending', user: 'u7', at: 61_000 })
  await machine.ship()
  await machine.order({ id: 'order-outbox', user: 'u8', at: 62_000 })
  await machine.read()
}

/** For whoever asks nothing of it. */
export const idleEtl = (warehouse: Warehouse, after?: EtlDeps['after']) =>
  createEtl(
    {
      warehouse,
      models: [],
      reference: async () => ({ foods: [], ads: [] }),
      awaited: async () => [],
      ...(after && { after }),
      clock: () => T0,
      logger: silentLogger,
    },
    new AbortController().signal,
  )
