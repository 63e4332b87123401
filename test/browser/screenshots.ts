/**
 * `npm run screenshots`: the README's pictures, taken of the real product with five weeks of made-up customers.
 *
 *   npm run screenshots                   those in docs/images
 *   npm run screenshots -- --all DIR      every page besides, at desktop and phone width, light and dark
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { DAY_MS, MINUTE_MS } from '@flowguard/contract'
import { PAGES, seenPage, type PageSeen } from './pages.ts'
import { DESKTOP, openBrowser, PHONE, THEMES, visit, type Theme } from '../support/browser.ts'
import { dataFile, writeHistory } from '../support/history.ts'
import { startMachine, type Machine } from '../support/machine.ts'
import { openPages } from '../support/pages.ts'

const DAYS = 35
const SEED = 7
const EVENTS_A_SECOND = 0.05
const LIVE = ['--rate', '40', '--users', '400', '--seed', String(SEED)]
const LIVE_SECONDS = 60

/** What the README shows, by the names of pages. */
const BEST: readonly { page: string; file: string; theme: Theme; width: 'desktop' | 'phone' }[] = [
  { page: 'store: the menu', file: 'store.png', theme: 'light', width: 'desktop' },
  { page: 'store: a dish', file: 'store-phone.png', theme: 'light', width: 'phone' },
  { page: 'console: the pipeline', file: 'console-pipeline.png', theme: 'dark', width: 'desktop' },
  { page: 'console: the business', file: 'console-business.png', theme: 'light', width: 'desktop' },
  { page: 'console: a trace', file: 'console-trace.png', theme: 'light', width: 'desktop' },
]

const root = resolve(import.meta.dirname, '../..')

function history(folder: string, untilMs: number): string {
  const file = join(folder, 'history.ndjson')
  writeHistory(file, { seed: SEED, days: DAYS, eventsASecond: EVENTS_A_SECOND, users: 600, untilMs })
  return file
}

/** The ads with budgets that a day of so few customers passes: for alerts. */
function smallBudgets(folder: string): string {
  const file = join(folder, 'ads.json')
  const ads = dataFile<{ daily_budget: number }[]>('ads.json')
  writeFileSync(file, JSON.stringify(ads.map((ad) => ({ ...ad, daily_budget: Math.round(ad.daily_budget / 100) }))))
  return file
}

async function done(machine: Machine, ...args: string[]): Promise<void> {
  process.stderr.write(`flowguard ${args.join(' ')}\n`)
  const { code, stderr } = await machine.cli(...args)
  if (code !== 0) throw new Error(`flowguard ${args.join(' ')} ended with ${code}: ${stderr}`)
}

/** Something to mend: purchases without an amount. */
async function faults(machine: Machine): Promise<void> {
  for (let n = 0; n < 12; n += 1) {
    const event = {
      event_type: 'purchase',
      user_id: 40 + n,
      properties: { items: n, note: n % 3 ? 'paid in cash' : '<b>paid</b> by card' },
    }
    await fetch(`${machine.gatewayUrl}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(event),
    })
  }
}

async function take(): Promise<void> {
  const { values } = parseArgs({ options: { all: { type: 'string' } } })
  await using machine = await startMachine({ idle: true })
  machine.env['ADS_FILE'] = smallBudgets(machine.dataDir)
  await Promise.all([machine.start('edge'), machine.start('pipeline')])
  await using pages = await openPages(machine)
  await using browser = await openBrowser()
  const today = new Date().toISOString().slice(0, 10)
  const from = new Date(Date.parse(today) - DAYS * DAY_MS).toISOString().slice(0, 10)
  await done(machine, 'replay', history(machine.dataDir, Date.now() - 60 * MINUTE_MS), '--speed', 'max', '--drain')
  await faults(machine)
  const live = done(machine, 'simulate', ...LIVE, '--duration', String(LIVE_SECONDS * (values.all ? 6 : 3)))
  live.catch(() => undefined)
  await new Promise((resolved) => setTimeout(resolved, LIVE_SECONDS * 1_000))
  await done(machine, 'etl', 'backfill', '--from', from, '--to', today)

  async function shoot(each: PageSeen, theme: Theme, width: 'desktop' | 'phone', file: string) {
    await using seen = await visit(browser, { colorScheme: theme, viewport: width === 'phone' ? PHONE : DESKTOP, reducedMotion: 'reduce' })
    await seenPage(seen.page, pages, each)
    // What is drawn of the last seconds needs some.
    if (each.name === 'console: the pipeline') await new Promise((resolved) => setTimeout(resolved, 12_000))
    await seen.page.screenshot({ path: file })
    process.stderr.write(`${file}\n`)
  }

  const images = join(root, 'docs/images')
  mkdirSync(images, { recursive: true })
  for (const { page, file, theme, width } of BEST) {
    const each = PAGES.find(({ name }) => name === page)
    if (!each) throw new Error(`there is no page ${page}`)
    await shoot(each, theme, width, join(images, file))
  }
  if (values.all !== undefined) {
    const folder = resolve(values.all)
    mkdirSync(folder, { recursive: true })
    for (const each of PAGES) {
      for (const theme of THEMES) {
        for (const width of ['desktop', 'phone'] as const)
          await shoot(each, theme, width, join(folder, `${each.name.replaceAll(/[^a-z]+/gi, '-')}-${width}-${theme}.png`))
      }
    }
  }
}

await take()
process.exit(0)
