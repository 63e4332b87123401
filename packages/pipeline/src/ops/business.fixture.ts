import { join } from 'node:path'
import { DAY_MS, type Ad } from '@flowguard/contract'
import { createEtl } from '../etl/etl.ts'
import { readModels } from '../etl/model.ts'
import { ROOT } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { Figures } from './figures.ts'
import { openMachine, T0, temporaryFolder } from './fixture.ts'
import type { ReportName } from './report-sql.ts'
import type { Report } from './reports.ts'
import { opsDeps } from './ops.fixture.ts'
import { createOps } from './server.ts'

/** `T0` is a Sunday, noon: 1 March 2026. Then the Sunday after, and a Thursday in April. */
export const NEXT_SUNDAY = 7 * DAY_MS
export const APRIL_2 = 32 * DAY_MS
export const NOW = T0 + APRIL_2 + 60_000
export const FORMULA = '=HYPERLINK("http://x","y")'

/** The operations API over stores and a warehouse in a folder of their own. */
export async function openBusiness() {
  const folder = temporaryFolder()
  const stop = new AbortController()
  const machine = openMachine(folder.path)
  await machine.database.replaceFoods([
    { food_id: 1, name: 'Dosa', category: 'South Indian', price: 100, description: '', image_url: '', is_available: true },
  ])
  await machine.database.replaceAds([
    { adId: 'cpc-1', itemId: 1, campaignId: 'c1', advertiserId: 'a1', pricing: 'cpc', rate: 500, dailyBudget: 0 },
  ] as Ad[])
  const stores = machine.stores()
  let query: Warehouse['query'] = machine.warehouse.query
  let now = NOW
  const clock = () => now
  const ops = await createOps({
    ...opsDeps(machine, stores, folder.path),
    warehouse: { dialect: 'duckdb', query: (sql, limits) => query(sql, limits) },
    etl: createEtl(
      {
        warehouse: machine.warehouse,
        models: [],
        reference: async () => ({ foods: [], ads: [] }),
        awaited: async () => [],
        clock,
        logger: silentLogger,
      },
      stop.signal,
    ),
    clock,
  })
  async function ask<T = { code: string; detail: string; errors: { field: string }[] }>(path: string, key = 'the key') {
    const {
      statusCode: status,
      body: text,
      headers,
    } = await ops.app.inject({ url: `/api/${path}`, headers: { authorization: `Bearer ${key}` } })
    return { status, text, headers, json: () => JSON.parse(text) as T }
  }
  const report = async (name: ReportName, query = '?from=2026-03-01&to=2026-04-02') => (await ask<Report>(`reports/${name}${query}`)).json()
  const figures = async (query: string) => (await ask<Figures>(`figures${query}`)).json()

  return {
    machine,
    stores,
    ask,
    report,
    figures,
    /** Of the warehouse, now. */
    query: machine.warehouse.query,
    setQuery: (other: Warehouse['query']) => (query = other),
    setTime: (ms: number) => (now = ms),
    /** Everything that happens, in the order of time; what comes of it is worked out by hand in the tests. */
    async happen() {
      const order = (id: string, user: string, item: number, at: number, price: number, quantity: number, more = {}) =>
        machine.order({ id, user, item, at, more: { price, quantity, ...more } })
      const shown = { item: 1, more: {} }
      await machine.heartbeat(0)
      await machine.click({ id: 'i1', user: 'u1', at: 1_000, ...shown }, 'cpc-1', 'impression')
      await machine.click({ id: 'i2', user: 'u2', at: 1_500, ...shown }, 'cpc-1', 'impression')
      await machine.click({ id: 'i3', user: 'bot', at: 1_600, item: 1, more: { is_bot: true } }, 'cpc-1', 'impression')
      await machine.click({ id: 'k1', user: 'u1', at: 2_000, ...shown }, 'cpc-1')
      await machine.click({ id: 'k2', user: 'u9', at: 3_000, item: 2, more: {} }, 'of nobody')
      await order('o1', 'u1', 1, 60_000, 100, 1)
      await order('o2', 'u2', 2, 3_900_000, 50, 2, { item_name: 'Idli' })
      await machine.ship()
      await machine.heartbeat(NEXT_SUNDAY - 1_000)
      await machine.read()
      await order('o3', 'u1', 1, NEXT_SUNDAY, 300, 1)
      await order('o4', 'u3', 2, NEXT_SUNDAY + 1_000, 10, 1, { item_name: 'Idli, steamed' })
      await machine.ship()
      await machine.heartbeat(APRIL_2 - 1_000)
      await machine.read()
      await order('o5', 'u1', 1, APRIL_2, 80, 1)
      await order('o6', 'u4', 3, APRIL_2 + 1_000, 7.25, 1, { item_name: FORMULA })
      await machine.ship()
      await machine.heartbeat(APRIL_2 + 60_000)
      await machine.read()
    },
    async makeGold() {
      const models = readModels(join(ROOT, 'packages/pipeline/models'))
      const reference = async () => ({ foods: [], ads: [] })
      const etl = createEtl(
        { warehouse: machine.warehouse, models, reference, awaited: async () => [], clock: () => NOW, logger: silentLogger },
        stop.signal,
      )
      await etl.start({ from: '2026-03-01', to: '2026-04-02' }, 'operator')
      await etl.idle()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ops.close()
      await stores[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

export type Business = Awaited<ReturnType<typeof openBusiness>>
