import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DAY_MS, dayOf } from '@flowguard/contract'
import { openRunFolder } from '../engines/run-folder.ts'
import { installSuperset, prepareSuperset, SUPERSET_ADMIN, supersetHome, supersetServer } from '../engines/superset.ts'
import { WAREHOUSE } from '../packages/pipeline/src/warehouse/schema.ts'
import { TABS } from '../scripts/dashboards/superset/tabs.ts'
import { openBrowser, visit } from './support/browser.ts'
import { writeHistory } from './support/history.ts'
import { freePort, startMachine, until, type Machine } from './support/machine.ts'

const DAYS = 16
const UNTIL_MS = Date.now() - (Date.now() % DAY_MS) - 1
const CHARTS = TABS.flatMap(({ rows }) => rows.flat())
const LOOK_MS_MAX = 60_000

interface Answer {
  chart: string
  dashboards: string[]
  error?: string
  queries?: { query: string; data: Record<string, unknown>[]; error: string | null }[]
}

let machine: Machine
let database: string
let answers: Map<string, Answer>

before(async () => {
  machine = await startMachine({ env: { ETL: 'off' } })
  const cli = async (...args: string[]) => {
    const { code, stderr } = await machine.cli(...args)
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
  }
  const file = join(machine.dataDir, 'history.ndjson')
  writeHistory(file, { seed: 7, days: DAYS, eventsASecond: 0.02, users: 300, untilMs: UNTIL_MS })
  await cli('replay', file, '--speed', 'max', '--drain')
  await cli('etl', 'backfill', '--from', dayOf(UNTIL_MS - DAYS * DAY_MS), '--to', dayOf(UNTIL_MS))
  // It has yet to be made where the run's own export is at it.
  await cli('warehouse', 'export')
  database = `duckdb:///${join(machine.dataDir, WAREHOUSE.copy)}`
})
after(() => machine?.[Symbol.asyncDispose]())

const asked = async <T>(sql: string) => JSON.parse((await machine.cli('sql', sql, '--json')).stdout) as T[]
const near = (a: unknown, b: unknown) => assert.ok(Math.abs(Number(a) - Number(b)) < 1e-6, `${String(a)} is not ${String(b)}`)
const dataOf = (chart: string, query = 0) => answers.get(chart)!.queries![query]!.data

test('Superset imports the dashboards beside a FlowGuard that runs, and answers every chart from the copy', async () => {
  const tools = await installSuperset()
  const home = supersetHome(tools, join(machine.dataDir, 'superset'))
  const lines = (await prepareSuperset(tools, home, database, 'ask.py')).split('\n').filter((line) => line.startsWith('{"chart"'))
  answers = new Map(lines.map((line) => JSON.parse(line) as Answer).map((answer) => [answer.chart, answer]))
  assert.deepEqual([...answers.keys()].toSorted(), CHARTS.map(({ name }) => name).toSorted())
  for (const { chart, dashboards, error, queries = [] } of answers.values()) {
    assert.deepEqual([error, dashboards.length], [undefined, 1], chart)
    for (const query of queries) {
      assert.equal(query.error, null, `${chart}: ${query.query}`)
      assert.ok(query.data.length > 0, `${chart} says nothing: ${query.query}`)
    }
  }
})

test('what charts say is what the warehouse and the ledger hold', async () => {
  const [gmv] = await asked<{ revenue: number; orders: number }>(
    'select sum(total_revenue) as revenue, cast(sum(order_count) as integer) as orders from gold.daily_gmv_metrics',
  )
  near(dataOf('GMV', 1)[0]!['revenue'], gmv!.revenue)
  near(dataOf('Orders', 1)[0]!['orders'], gmv!.orders)
  assert.equal(dataOf('The days').length, (await asked('select date from gold.daily_gmv_metrics')).length)

  const funnel = Object.fromEntries(dataOf('From being shown to being ordered').map(({ step, events }) => [step, events]))
  const [steps] = await asked<object>(
    `select cast(sum(total_impressions) as integer) as "Impressions", cast(sum(total_clicks) as integer) as "Clicks",
       cast(sum(attributed_orders) as integer) as "Attributed orders" from gold.user_funnel_metrics`,
  )
  assert.deepEqual(funnel, steps)

  const perHour = dataOf('Orders an hour, by weekday')
  assert.equal(perHour.length, 7 * 24)
  const [peak] = await asked<{ orders: number }>(
    `select sum(order_count) / (select count(*) from etl.days where isodow(date) = 6) as orders from gold.hourly_order_patterns
     where isodow(date) = 6 and hour_of_day = 13`,
  )
  near(perHour.find(({ weekday, hour_of_day: hour }) => weekday === '6 Sat' && hour === 13)!['orders_an_hour'], peak!.orders)

  const response = await fetch(
    `${machine.opsUrl}/api/v1/billing/advertisers?from=${dayOf(UNTIL_MS - DAYS * DAY_MS)}&to=${dayOf(UNTIL_MS)}`,
    {
      headers: machine.operator(),
    },
  )
  const bills = (await response.json()) as { advertisers: { advertiser_id: string; total: number }[] }
  const due = dataOf('The advertisers').filter(({ advertiser_id: id }) => id !== 'no advertiser')
  assert.ok(due.some(({ net }) => Number(net) > 0))
  for (const { advertiser_id: id, net } of due) near(net, bills.advertisers.find((each) => each.advertiser_id === id)!.total)

  const retention = dataOf('Customers who come back, by week')
  const firsts = retention.filter(({ weeks_since: weeks }) => weeks === 0)
  assert.ok(firsts.length > 0)
  for (const { retention: share } of firsts) near(share, 1)
})

async function everyTabInABrowser() {
  const tools = await installSuperset()
  const folder = join(machine.dataDir, 'superset')
  mkdirSync(folder, { recursive: true })
  using run = openRunFolder(join(machine.dataDir, 'superset-run'))
  const home = supersetHome(tools, folder)
  const port = await freePort()
  const server = supersetServer(run, tools, home, port)
  await server.start()
  try {
    await using browser = await openBrowser()
    await using seen = await visit(browser)
    const { page } = seen
    page.setDefaultTimeout(LOOK_MS_MAX)
    const failed: string[] = []
    page.on('response', (response) => {
      if (response.url().includes('/api/v1/chart/data') && !response.ok()) failed.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(`http://127.0.0.1:${port}/login/`)
    await page.fill('input[name=username], #username', SUPERSET_ADMIN)
    await page.fill('input[name=password], #password', home.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(/welcome/)
    await page.goto(`http://127.0.0.1:${port}/superset/dashboard/flowguard/`)
    for (const { name, rows } of TABS) {
      await page.locator('.ant-tabs-tab', { hasText: name }).first().click()
      for (const chart of rows.flat()) {
        const drawn = page.locator(`[data-test-chart-name=${JSON.stringify(chart.name)}]`)
        // What lies below is drawn once it is looked at.
        await until(`${chart.name} to be there`, async () => (await drawn.count()) > 0, LOOK_MS_MAX)
        await drawn.scrollIntoViewIfNeeded()
        await until(`${chart.name} to be drawn`, async () => (await drawn.locator('canvas, table, .header-line').count()) > 0, LOOK_MS_MAX)
        assert.doesNotMatch((await drawn.textContent()) ?? '', /No results|error/i, chart.name)
      }
    }
    assert.deepEqual(failed, [])
    assert.deepEqual(seen.complaints(/scarf/), [])
  } finally {
    await server.stop()
  }
}

// Its pages ask by themselves, in words of their own. Half a minute more.
if (process.env['FLOWGUARD_SOAK'] === '1') test('in a browser every chart of every tab is drawn', everyTabInABrowser)
