import assert from 'node:assert/strict'
import { join } from 'node:path'
import { dayOf, type AttributedEvent } from '@flowguard/contract'
import { ROOT } from '../../packages/pipeline/src/kernel/config.ts'
import { openReadOnly } from '../../packages/pipeline/src/kernel/sqlite.ts'
import { openSqliteLogReader } from '../../packages/pipeline/src/log/adapters/sqlite.ts'
import { readTopics } from '../../packages/pipeline/src/log/topics.ts'
import { audit, type Audit } from '../../packages/pipeline/src/ops/audit.ts'
import { openStores } from '../../packages/pipeline/src/stores.ts'
import type { Machine } from './machine.ts'

/** An event as a client sends it. */
export interface Sent {
  event_type: 'click' | 'impression' | 'order'
  event_id: string
  timestamp: string
  user_id: number | string
  item_id: number
  ad_id?: string
  price?: number
  quantity?: number
  [more: string]: unknown
}

export interface Answers {
  clicks: number
  orders: number
  attributed: number
  gmv: number
  attributedRevenue: number
  chargedClicks: number
  doubleClicks: number
  attributedPerDay: Record<string, number>
  ordersPerDay: Record<string, number>
  gmvPerDay: Record<string, number>
}

/** What the sent events must come to, worked out the slow and plain way: every click of each order's user and item is looked at. */
export function expectedAnswers(sent: readonly Sent[]): Answers {
  const byId = new Map(sent.map((event) => [event.event_id, event]))
  const events = [...byId.values()].map((event) => ({ ...event, ts: Date.parse(event.timestamp) }))
  const clicks = events.filter((event) => event.event_type === 'click')
  const orders = events.filter((event) => event.event_type === 'order')
  const clicksOf = Map.groupBy(clicks, (click) => `${click.user_id}/${click.item_id}`)
  const isAttributed = ({ user_id, item_id, ts }: (typeof orders)[number]) =>
    (clicksOf.get(`${user_id}/${item_id}`) ?? []).some((click) => click.ts <= ts && ts - click.ts <= 1_800_000)
  const attributed = orders.filter(isAttributed)
  const double = [...Map.groupBy(clicks, (click) => `${click.user_id}/${click.ad_id}`).values()].flatMap((group) => {
    const times = group.map((click) => click.ts).sort((a, b) => a - b)
    return times.filter((ts, at) => at > 0 && ts - (times[at - 1] as number) < 2_000)
  })
  const revenue = (group: typeof orders) => group.reduce((sum, order) => sum + (order.price ?? 0) * (order.quantity ?? 1), 0)
  const perDay = (group: typeof orders, value: (day: typeof orders) => number) =>
    Object.fromEntries(
      [...Map.groupBy(group, (order) => dayOf(order.ts))].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([day, of]) => [day, value(of)]),
    )
  return {
    clicks: clicks.length,
    orders: orders.length,
    attributed: attributed.length,
    gmv: revenue(orders),
    attributedRevenue: revenue(attributed),
    chargedClicks: clicks.length - double.length,
    doubleClicks: double.length,
    attributedPerDay: perDay(attributed, (day) => day.length),
    ordersPerDay: perDay(orders, (day) => day.length),
    gmvPerDay: perDay(orders, revenue),
  }
}

/** What the machine came to: from the attributed topic, the counters and the ledger. */
export async function answersOf(dataDir: string): Promise<Answers> {
  const path = join(dataDir, 'pipeline.db')
  await using log = openSqliteLogReader({ path, topics: readTopics(join(ROOT, 'config/kafka/topics.yaml')), clock: Date.now })
  const ends = await log.ends('attributed.events.v1')
  const orders: AttributedEvent[] = []
  for (const { partition, start, end } of ends) {
    const records = await log.read([{ topic: 'attributed.events.v1', partition, next: start }], { countMax: end - start + 1, waitMs: 0 })
    orders.push(...records.map(({ value }) => JSON.parse(value) as AttributedEvent))
  }
  const db = openReadOnly(path)
  const items = db.prepare('select sum(clicks) as clicks, sum(double_clicks) as double from item_counters').get() as {
    clicks: number
    double: number
  }
  const charged = db.prepare(`select count(*) as count from ledger where kind = 'cpc'`).get() as { count: number }
  db.close()
  const attributed = orders.filter((order) => order.click)
  const revenue = (group: AttributedEvent[]) => Math.round(group.reduce((sum, order) => sum + order.price * order.quantity * 100, 0)) / 100
  const perDay = (group: AttributedEvent[], value: (day: AttributedEvent[]) => number) =>
    Object.fromEntries(
      [...Map.groupBy(group, (order) => order.timestamp.slice(0, 10))]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([day, of]) => [day, value(of)]),
    )
  return {
    clicks: items.clicks ?? 0,
    orders: orders.length,
    attributed: attributed.length,
    gmv: revenue(orders),
    attributedRevenue: revenue(attributed),
    chargedClicks: charged.count,
    doubleClicks: items.double ?? 0,
    attributedPerDay: perDay(attributed, (day) => day.length),
    ordersPerDay: perDay(orders, (day) => day.length),
    gmvPerDay: perDay(orders, revenue),
  }
}

/** The books of a data folder balance; where they do not, what does not is told. */
export function assertBalanced(dataDir: string): void {
  using stores = openStores({ dataDir, topics: readTopics(join(ROOT, 'config/kafka/topics.yaml')), clock: Date.now })
  assert.deepEqual(
    audit(stores).checks.filter(({ ok }) => !ok),
    [],
  )
}

/** So that the loader, too, passes each of its steps several times in a short test. */
export const SMALL_BATCHES = { LOADER_ROWS: '250', LOADER_AGE_MS: '20' } as const

/** Every record that the logs hold is one row of bronze, heartbeats aside; asked as an operator asks. */
export async function assertLoaded(machine: Machine): Promise<void> {
  const books = await machine.cli('audit', '--json')
  const { checks, unchecked } = JSON.parse(books.stdout) as Audit
  assert.deepEqual({ failed: checks.filter(({ ok }) => !ok), unchecked }, { failed: [], unchecked: [] })
  assert.ok(checks.some(({ name, actual }) => name === 'bronze rows = applied by the loader' && actual > 0))
}
