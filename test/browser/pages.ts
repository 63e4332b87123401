import assert from 'node:assert/strict'
import type { AdvertiserBills, Topic } from '@flowguard/contract'
import type { Page } from 'playwright-core'
import type { AlertsPage, DeadList, RecordShown, RecordsPage, Trace } from 'flowguard/answers'
import { answer, type Stage } from './stage.ts'

type Place = Pick<Stage, 'storeUrl' | 'consoleUrl'>

export interface PageSeen {
  name: string
  of: 'store' | 'console'
  path: string | ((place: Place) => Promise<string>)
  /** What is to be seen before it counts as shown: the text of a heading. */
  heading: RegExp
  /** What is done on it first. */
  act?: (page: Page) => Promise<void>
}

async function latestOrder({ consoleUrl }: Place): Promise<{ order: string; open: string }> {
  const { partition, offset, key, event_id: event } = await latestRecord(consoleUrl, 'raw.orders.v1')
  const { order_id: order } = await answer<Trace>(`${consoleUrl}/api/trace/${event}`)
  return { order: order ?? '', open: `partition=${partition}&offset=${offset}&open=${partition}:${offset}&key=${key}` }
}

/** One that a click earned, as long as there is one among the latest. */
async function earnedOrder({ consoleUrl }: Place): Promise<string> {
  const { event_id: event } = await latestRecord(consoleUrl, 'attributed.events.v1', '&text=ad_')
  return (await answer<Trace>(`${consoleUrl}/api/trace/${event}`)).order_id ?? ''
}

/** A page is bounded in the time that it looks: what it has not come to lies behind `next`. */
async function latestRecord(consoleUrl: string, topic: Topic, filter = ''): Promise<RecordShown> {
  for (let from = ''; ;) {
    const { records, next } = await answer<RecordsPage>(`${consoleUrl}/api/topics/${topic}/records?limit=1${filter}${from}`)
    const [latest] = records
    if (latest) return latest
    assert.ok(next, `nothing in ${topic} is like that`)
    const places = Object.entries(next).map(([partition, offset]) => `${partition}:${offset}`)
    from = `&from=${places.join(',')}`
  }
}

async function latestLetter({ consoleUrl }: Place): Promise<string> {
  const { letters } = await answer<DeadList>(`${consoleUrl}/api/dead?limit=1`)
  return letters[0]?.dead_id ?? ''
}

async function waitingLetter({ consoleUrl }: Place): Promise<string> {
  const { letters } = await answer<DeadList>(`${consoleUrl}/api/dead?state=waiting&limit=1`)
  return letters[0]?.dead_id ?? ''
}

async function chargedAdvertiser({ consoleUrl }: Place): Promise<string> {
  const { advertisers } = await answer<AdvertiserBills>(`${consoleUrl}/api/v1/billing/advertisers`)
  return advertisers[0]?.advertiser_id ?? ''
}

async function latestAlert({ consoleUrl }: Place): Promise<string> {
  const { alerts } = await answer<AlertsPage>(`${consoleUrl}/api/alerts?limit=1`)
  return alerts[0]?.alert.alert_id ?? ''
}

/** Every page of both apps, as a person comes to it. */
export const PAGES: readonly PageSeen[] = [
  { name: 'store: the menu', of: 'store', path: '/', heading: /The whole menu/ },
  { name: 'store: a category', of: 'store', path: '/?category=Biryani', heading: /Biryani/ },
  { name: 'store: a search that finds nothing', of: 'store', path: '/?q=zzz', heading: /Found for you/ },
  { name: 'store: a dish', of: 'store', path: '/food/4', heading: /Hyderabadi/ },
  { name: 'store: a dish that is sold out', of: 'store', path: '/food/5', heading: /Lucknowi/ },
  { name: 'store: an unknown dish', of: 'store', path: '/food/999', heading: /./ },
  { name: 'store: an order', of: 'store', path: async (place) => `/order/${(await latestOrder(place)).order}`, heading: /Thank you/ },
  { name: 'store: no such page', of: 'store', path: '/nowhere', heading: /./ },
  { name: 'console: the pipeline', of: 'console', path: '/', heading: /^Pipeline$/, act: seen('Orders & outbox') },
  {
    name: 'console: a part of the pipeline',
    of: 'console',
    path: '/',
    heading: /^Pipeline$/,
    act: (page) => page.getByRole('button', { name: /^Stream/ }).click(),
  },
  { name: 'console: where traces begin', of: 'console', path: '/trace', heading: /The latest orders/ },
  {
    name: 'console: a trace',
    of: 'console',
    path: async (place) => `/trace?id=${await earnedOrder(place)}`,
    heading: /What became of it/,
  },
  { name: 'console: where journeys begin', of: 'console', path: '/journeys', heading: /^Here just now$/ },
  {
    name: 'console: a journey',
    of: 'console',
    path: async ({ consoleUrl }) => `/journeys?user=${(await latestRecord(consoleUrl, 'attributed.events.v1', '&text=ad_')).key}`,
    heading: /^Orders that an ad led to$/,
    act: seen('an ad led to it'),
  },
  { name: 'console: the topics', of: 'console', path: '/topics', heading: /^Topics$/, act: seen('raw.clicks.v1') },
  {
    name: 'console: a topic with a record',
    of: 'console',
    path: async (place) => `/topics?topic=raw.orders.v1&${(await latestOrder(place)).open}`,
    heading: /^raw.orders.v1$/,
    act: seen('content_hash'),
  },
  { name: 'console: the dead letters', of: 'console', path: '/dead', heading: /^By cause$/ },
  {
    name: 'console: a dead letter',
    of: 'console',
    path: async (place) => `/dead?state=any&open=${encodeURIComponent(await latestLetter(place))}`,
    heading: /^Headers$/,
  },
  {
    name: 'console: a dead letter that is edited',
    of: 'console',
    path: async (place) => `/dead?open=${encodeURIComponent(await waitingLetter(place))}&edit=1`,
    heading: /^Headers$/,
    act: seen('The event to send in its place'),
  },
  { name: 'console: the groups', of: 'console', path: '/groups', heading: /^Groups$/, act: seen('billing-orders') },
  { name: 'console: the audit', of: 'console', path: '/audit?run=1', heading: /^Checks$/, act: seen('The books balance.') },
  { name: 'console: the business', of: 'console', path: '/business', heading: /^Business$/, act: seen('Dishes and ads, live') },
  {
    name: 'console: the business of 28 days, as tables',
    of: 'console',
    path: '/business?range=28&gmv=table&funnel=table&hours=table&cohorts=table&dishes=table&by=ad',
    heading: /^Business$/,
    act: seen('Dishes and ads, live'),
  },
  { name: 'console: the advertisers', of: 'console', path: '/billing', heading: /^Advertisers/, act: seen('Reconciliation') },
  {
    name: 'console: a statement',
    of: 'console',
    path: async (place) => `/billing?advertiser=${await chargedAdvertiser(place)}`,
    heading: /^Lines/,
  },
  { name: 'console: the alerts', of: 'console', path: '/alerts', heading: /^All alerts$/ },
  {
    name: 'console: an alert',
    of: 'console',
    path: async (place) => `/alerts?id=${encodeURIComponent(await latestAlert(place))}`,
    heading: /^All alerts$/,
    act: seen('alert_id'),
  },
  { name: 'console: the ETL', of: 'console', path: '/etl', heading: /^Runs/ },
  { name: 'console: a run', of: 'console', path: '/etl?run=1', heading: /^Steps$/ },
  { name: 'console: no such page', of: 'console', path: '/nowhere', heading: /^Not found$/ },
]

function seen(text: string) {
  return (page: Page) => page.getByText(text).first().waitFor()
}

/** Goes there, and waits until it is shown. */
export async function seenPage(page: Page, place: Place, { of, path, heading, act }: PageSeen): Promise<void> {
  const base = of === 'store' ? place.storeUrl : place.consoleUrl
  await page.goto(base + (typeof path === 'string' ? path : await path(place)), { waitUntil: 'load' })
  await page.getByRole('heading', { name: heading }).first().waitFor()
  await act?.(page)
  await page.locator('[aria-label^=Loading]').first().waitFor({ state: 'detached' })
  await page.evaluate('document.fonts.ready')
}
