import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'

const PLACES = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
]

/** Where this machine has Chromium, or undefined. */
export const CHROMIUM = PLACES.find((path) => path !== undefined && path !== '' && existsSync(path))

export const DESKTOP = { width: 1440, height: 900 } as const
export const PHONE = { width: 390, height: 844 } as const
export const THEMES = ['light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const NAVIGATION_MS_MAX = 30_000

export async function openBrowser(): Promise<Browser & AsyncDisposable> {
  assert.ok(CHROMIUM)
  // As root, as in most containers, its sandbox does not start.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath: CHROMIUM, args })
}

export interface Visit extends AsyncDisposable {
  context: BrowserContext
  page: Page
  /** What the pages complained of; what is expected is left out. */
  complaints(expected?: RegExp): string[]
  /** Hosts that were asked for anything. */
  hosts(): string[]
}

/** A visitor of their own, with a user agent that does not call itself headless: such a one is a bot. */
export async function visit(browser: Browser, options: BrowserContextOptions = {}): Promise<Visit> {
  const major = browser.version().split('.')[0]
  const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${major}.0.0.0 Safari/537.36`
  const context = await browser.newContext({ userAgent, viewport: DESKTOP, ...options })
  context.setDefaultNavigationTimeout(NAVIGATION_MS_MAX)
  const told: string[] = []
  const hosts = new Set<string>()
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') told.push(`${message.text()} (${message.location().url})`)
  })
  context.on('weberror', (error) => told.push(String(error.error())))
  context.on('request', (request) => {
    const { protocol, host } = new URL(request.url())
    if (protocol.startsWith('http') || protocol.startsWith('ws')) hosts.add(host)
  })
  return {
    context,
    page: await context.newPage(),
    complaints: (expected) => told.filter((text) => !expected?.test(text)),
    hosts: () => [...hosts],
    [Symbol.asyncDispose]: () => context.close(),
  }
}

/** The rules of axe whose answer hangs on the theme. */
export const COLORS = ['color-contrast', 'link-in-text-block'] as const

/** What axe finds against the page as it is shown now, a line each; by all its rules, the best practices too, or by these. */
export async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  await page.evaluate(axe.source)
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules && { runOnly: rules }) })
  return page.evaluate<string[]>(`axe.run(document, ${options}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' at ' + target.join(' ') + ': ' + failureSummary)))`)
}

/** How many pixels the page, or its main part, is wider than what it is seen through: 0 where nobody has to scroll sideways. */
export const overflow = (page: Page) =>
  page.evaluate<number>(
    "Math.max(...[document.documentElement, document.querySelector('main')].map((each) => each ? each.scrollWidth - each.clientWidth : 0))",
  )
