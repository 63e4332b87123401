import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastify from 'fastify'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Value } from '../warehouse/warehouse.ts'
import { dishNames } from './dish-names.ts'
import type { AdFigures, DishFigures, Figures } from './figures.ts'
import { businessRoutes } from './routes-business.ts'
import type { Ask } from './tasks.ts'

const NOW = Date.parse('2026-03-15T12:00:00Z')
const NOTHING = { impressions: 0, clicks: 0, attributed_orders: 0, attributed_revenue: 0, ctr: 0, cvr: 0 }
const dish = (id: number, name: string | null): DishFigures => ({ item_id: id, name, category: null, orders: 0, revenue: 0, ...NOTHING })
const ad = (id: string): AdFigures => ({ ad_id: id, campaign_id: null, advertiser_id: null, item_id: null, ...NOTHING })

/** The routes over figures and a warehouse that are made up. */
function routes({ dishesTotal = 1, adsTotal = 1, isCut = false } = {}) {
  const asked: number[] = []
  const found = { dishes: [dish(1, 'Dosa')], dishes_total: dishesTotal, ads: [ad('a')], ads_total: adsTotal } as unknown as Figures
  const app = fastify()
  businessRoutes(app, {
    clock: () => NOW,
    ask: (async (_task: string, days: object, rowsMax: number) => {
      asked.push(rowsMax)
      return { ...found, ...days }
    }) as unknown as Ask,
    warehouse: {
      dialect: 'duckdb',
      query: async (sql) =>
        sql.includes('information_schema')
          ? {
              columns: [],
              rows: ['etl.days', 'etl.parts', 'silver.orders_clean', 'silver.clicks_clean', 'gold.daily_gmv_metrics'].map((name) => [name]),
              truncated: false,
            }
          : sql.includes('behind')
            ? { columns: [], rows: [[null, null, 0, null, null, 0]], truncated: false }
            : { columns: [], rows: [['2026-03-15', 1]], truncated: isCut },
    },
  })
  const get = async (url: string) => {
    const { statusCode, headers, json } = await app.inject(`/api/${url}`)
    return { status: statusCode, file: headers['content-disposition'], cut: headers['flowguard-truncated'], json }
  }
  return { asked, get }
}

test('pages that ask at once are answered once, and a file apart, for it has more rows', async () => {
  const { asked, get } = routes()
  await Promise.all([get('figures'), get('figures'), get('figures?format=csv'), get('figures?format=csv&by=ad')])
  assert.deepEqual(asked, [500, 10_000])
})

test('a file that has not all rows says so in its name and a header; one that has says nothing', async () => {
  for (const [url, name, cuts] of [
    ['figures?format=csv', 'dishes-live-2026-03-15', { dishesTotal: 2 }],
    ['figures?format=csv&by=ad', 'ads-live-2026-03-15', { adsTotal: 2 }],
    ['reports/gmv?format=csv', 'gmv-2026-03-15', { isCut: true }],
  ] as const) {
    const whole = await routes().get(url)
    assert.deepEqual([whole.status, whole.file, whole.cut], [200, `attachment; filename="flowguard-${name}.csv"`, undefined])
    const cut = await routes(cuts).get(url)
    assert.deepEqual(
      [cut.status, cut.file, cut.cut],
      [200, `attachment; filename="flowguard-${name}-first-1-rows.csv"`, 'only the first 1 rows'],
    )
  }
  assert.equal((await routes({ adsTotal: 2 }).get('figures?format=csv')).cut, undefined, 'of dishes it has all')
})

test('exactly 1,100 days are taken, one more is not; and the last day alone is that day', async () => {
  const { get } = routes()
  assert.equal((await get('figures?from=2023-03-12&to=2026-03-15')).status, 200)
  const { status, json } = await get('figures?from=2023-03-11&to=2026-03-15')
  assert.deepEqual([status, json().detail], [422, 'from and to may span at most 1100 days, both included; these are 1101'])
  const { from, to } = (await get('figures?to=2026-03-02')).json()
  assert.deepEqual([from, to], ['2026-03-02', '2026-03-02'])
  assert.equal((await get('figures?from=2026-03-16')).json().detail, 'from must not be after today, 2026-03-15')
})

/** Gold's names, and how often it was asked for which. */
function namesOf(gold: Map<number, string>) {
  let [now, isHeld] = [NOW, false]
  const asked: string[] = []
  const named = dishNames(
    async (sql) => {
      asked.push(/in \((.*)\)/.exec(sql)?.[1] ?? '')
      if (isHeld) throw new FlowGuardError('warehouse_held', 'by another')
      const ids = (asked.at(-1) ?? '').split(', ').map(Number)
      const rows: Value[][] = ids.flatMap((id) => (gold.has(id) ? [[id, gold.get(id)!, null]] : []))
      return { columns: [], rows, truncated: false }
    },
    () => now,
  )
  const names = async (...ids: number[]) =>
    (await named([dish(9, 'Dosa'), ...ids.map((id) => dish(id, null))])).slice(1).map(({ name }) => name)
  return { asked, names, pass: (ms: number) => (now += ms), hold: (held: boolean) => (isHeld = held) }
}

test('a dish that was renamed has its new name within a minute, and its old one while gold cannot be asked', async () => {
  const gold = new Map([[1, 'Idli']])
  const { asked, names, pass, hold } = namesOf(gold)
  assert.deepEqual(await names(1), ['Idli'])
  gold.set(1, 'Idli, steamed')
  pass(59_999)
  assert.deepEqual([await names(1), asked.length], [['Idli'], 1])
  hold(true)
  pass(1)
  assert.deepEqual([await names(1), asked.length], [['Idli'], 2])
  hold(false)
  assert.deepEqual([await names(1), asked.length], [['Idli'], 2], 'asked for a moment ago')
  pass(60_000)
  assert.deepEqual([await names(1), asked.length], [['Idli, steamed'], 3])
})

test('a dish that is new is asked for at once, unless gold did not know one just now', async () => {
  const { asked, names, pass } = namesOf(
    new Map([
      [1, 'Idli'],
      [2, 'Vada'],
    ]),
  )
  assert.deepEqual([await names(1), await names(1, 2)], [['Idli'], ['Idli', 'Vada']])
  assert.deepEqual(
    [await names(1, 2, 3), await names(1, 2, 3, 4)],
    [
      ['Idli', 'Vada', null],
      ['Idli', 'Vada', null, null],
    ],
  )
  assert.deepEqual(asked, ['1', '2', '3'])
  pass(60_000)
  await names(1, 3)
  assert.deepEqual(asked.slice(3), ['1, 3'])
})
