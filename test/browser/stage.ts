import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { CHROMIUM, openBrowser } from '../support/browser.ts'
import { startMachine, type Machine } from '../support/machine.ts'
import { openPages } from '../support/pages.ts'

/** Both apps may have to be built first, on a machine that is busy. */
const OPENED_MS_MAX = 10 * 60_000
/** A gateway that comes back only after the tracker gave an order up: the customer presses again, and it stays one order. */
const PRESSES_MAX = 4
const PLACED_MS_MAX = 30_000

/** One ad of each pricing, on dishes of their own. */
const ADS = [
  { ad_id: 'ad_biryani', item_id: 4, campaign_id: 'cmp_feast', advertiser_id: 'adv_dum_house', pricing: 'cpa', rate: 42, daily_budget: 40 },
  { ad_id: 'ad_burger', item_id: 7, campaign_id: 'cmp_match', advertiser_id: 'adv_bun_street', pricing: 'cpc', rate: 4.5, daily_budget: 0 },
  { ad_id: 'ad_pizza', item_id: 18, campaign_id: 'cmp_slice', advertiser_id: 'adv_slices', pricing: 'cpm', rate: 150, daily_budget: 0 },
]

/** What all browser tests play on: the whole product, in its own processes, and Chromium. */
export interface Stage {
  readonly machine: Machine
  readonly storeUrl: string
  readonly consoleUrl: string
  readonly browser: Browser
}

/** The reason not to play, where there is one: in CI that is a failure. */
export const skip = CHROMIUM === undefined && 'there is no Chromium here: set CHROMIUM_PATH to where it is'

/** Opens the stage before the tests of this file, and closes it behind them. */
export function openStage(): Stage {
  let opened: { machine: Machine; pages: Awaited<ReturnType<typeof openPages>>; browser: Browser } | undefined
  const stack = new AsyncDisposableStack()
  before(
    async () => {
      if (skip) return
      const machine = stack.use(await startMachine({ idle: true }))
      const adsFile = join(machine.dataDir, 'ads.json')
      writeFileSync(adsFile, JSON.stringify(ADS))
      machine.env['ADS_FILE'] = adsFile
      await Promise.all([machine.start('edge'), machine.start('pipeline')])
      const pages = stack.use(await openPages(machine))
      opened = { machine, pages, browser: stack.use(await openBrowser()) }
    },
    { timeout: OPENED_MS_MAX },
  )
  after(() => stack.disposeAsync())
  const now = () => {
    if (!opened) throw new Error('the stage is not open')
    return opened
  }
  return {
    get machine() {
      return now().machine
    },
    get storeUrl() {
      return now().pages.storeUrl
    },
    get consoleUrl() {
      return now().pages.consoleUrl
    },
    get browser() {
      return now().browser
    },
  }
}

export const answer = async <T>(url: string) => (await (await fetch(url)).json()) as T

/** A dish's card on the store's first page. */
export const card = (page: Page, item: number) => page.locator('article', { has: page.locator(`a[href="/food/${item}"]`) })

/** Orders the dish that the page shows. Resolves to the order's id. */
export async function order(page: Page): Promise<string> {
  for (let presses = 0; presses < PRESSES_MAX; presses += 1) {
    await page.getByRole('button', { name: /^Order/ }).click()
    const isPlaced = await Promise.race([
      page.waitForURL(/\/order\//, { timeout: PLACED_MS_MAX }).then(() => true),
      page
        .getByText('Please press Order again')
        .waitFor({ timeout: PLACED_MS_MAX })
        .then(() => false),
    ]).catch(() => false)
    if (isPlaced) return page.url().split('/').at(-1) as string
  }
  throw new Error(`no order after ${PRESSES_MAX} tries: ${await page.locator('main').innerText()}`)
}

export const operatorKey = ({ dataDir }: Machine) => readFileSync(join(dataDir, 'operator.key'), 'utf8').trim()

/** A purchase without an amount: accepted, and buried by the workers. Resolves to its event id. */
export async function bury({ gatewayUrl }: Machine): Promise<string> {
  const event = { event_type: 'purchase', user_id: 'u-dead', properties: { items: 2, note: '<img src=x onerror=alert(1)>' } }
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${gatewayUrl}/events`, { method: 'POST', headers, body: JSON.stringify(event) })
  return ((await response.json()) as { event_id: string }).event_id
}
