import assert from 'node:assert/strict'
import { join } from 'node:path'
import { dayOf, SESSION_GAP_MS, type AttributedEvent, type Session } from '@flowguard/contract'
import { ROOT } from '../../packages/pipeline/src/kernel/config.ts'
import { openReadOnly } from '../../packages/pipeline/src/kernel/sqlite.ts'
import { openSqliteLogReader } from '../../packages/pipeline/src/log/adapters/sqlite.ts'
import { sqliteLogView } from '../../packages/pipeline/src/log/adapters/sqlite-view.ts'
import { readTopics } from '../../packages/pipeline/src/log/topics.ts'
import { audit, type Audit } from '../../packages/pipeline/src/ops/audit.ts'
import { openStores } from '../../packages/pipeline/src/stores.ts'
import { sqliteJourneys } from '../../packages/pipeline/src/stream/adapters/sqlite-journeys.ts'
import { passedIn, pendingIn } from '../../packages/pipeline/src/stream/pending.ts'
import { sessionRow, userSessions } from '../../packages/pipeline/src/stream/sessions/user-sessions.ts'
import { byVisit, orderStep, type Step } from '../../packages/pipeline/src/stream/step.ts'
import { recordedIn, stepRows } from '../../packages/pipeline/src/stream/visits.ts'
import { streamRowsOf } from './stream-rows.ts'
import { until, type Machine } from './machine.ts'

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
  /** By the day on which they began; those that may go on, too. */
  sessionsPerDay: Record<string, number>
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
    sessionsPerDay: sessionsPerDay(events),
  }
}

function sessionsPerDay(events: readonly { user_id: number | string; ts: number }[]): Record<string, number> {
  const starts = [...Map.groupBy(events, ({ user_id }) => String(user_id)).values()].flatMap((own) => {
    const times = own.map(({ ts }) => ts).sort((a, b) => a - b)
    return times.filter((ts, at) => at === 0 || ts - (times[at - 1] as number) > SESSION_GAP_MS)
  })
  return countedByDay(starts.map(dayOf))
}

const countedByDay = (days: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(days, (day) => day)].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([day, all]) => [day, all.length]))

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
    sessionsPerDay: await sessionsOf(dataDir),
  }
}

/** Those that are over, from their topic; and those that may go on, from the journal, of which one user's is as the journey tells it. */
async function sessionsOf(dataDir: string): Promise<Record<string, number>> {
  const { sessions } = await streamRowsOf(dataDir)
  const path = join(dataDir, 'pipeline.db')
  const running = runningIn(path)
  const [one] = running
  if (one) {
    const journeys = sqliteJourneys(path, (opened) => sqliteLogView(opened, readTopics(join(ROOT, 'config/kafka/topics.yaml'))))
    const [told] = (await journeys.of(one.user_id, { before: undefined, limit: 1 })).sessions
    assert.deepEqual([told?.is_running, told?.session_id, told?.events], [true, one.session_id, one.events])
  }
  return countedByDay([...sessions, ...running].map(({ started_at }) => started_at.slice(0, 10)))
}

/** All at once, which nobody but a test asks for. */
function runningIn(path: string): Session[] {
  const db = openReadOnly(path)
  const open = userSessions()
  const asOf = new Map<string, number>()
  const steps: Step[] = []
  for (const rows of stepRows(db, '', 1_000)) {
    for (const line of rows.flatMap((each) => each.split('\n'))) {
      const recorded = recordedIn(line)
      if ('session' in recorded) {
        open.restore(recorded.session)
        asOf.set(recorded.session.userId, recorded.asOf)
      } else if (!recorded.isBehind) steps.push(recorded)
    }
  }
  for (const { order, ts } of pendingIn(db)) if (!order.is_bot) steps.push(orderStep(order, ts, null))
  for (const step of steps.sort(byVisit)) if (step.ts >= (asOf.get(step.userId) ?? -Infinity)) open.add(step)
  const passed = passedIn(db)
  db.close()
  return [...open.all()].filter(({ endedAt }) => endedAt + SESSION_GAP_MS >= passed).map(sessionRow)
}

/** The books of a data folder balance; where they do not, what does not is told. */
export async function assertBalanced(dataDir: string): Promise<void> {
  await using stores = openStores({ dataDir, topics: readTopics(join(ROOT, 'config/kafka/topics.yaml')), clock: Date.now })
  assert.deepEqual(
    (await audit(stores)).checks.filter(({ ok }) => !ok),
    [],
  )
}

/** So that the loader, too, passes each of its steps several times in a short test. */
export const SMALL_BATCHES = { LOADER_ROWS: '250', LOADER_AGE_MS: '20', LAKE_ROWS: '700', LAKE_AGE_MS: '500' } as const

/** A drain does not wait for the lake, which on a slow machine takes its time for each of its entries. */
const LAKE_MS_MAX = 120_000

/** The lake is whole, and holds every record of the log that is no heartbeat. */
export async function assertInLake(machine: Machine): Promise<void> {
  const applied = (reader: string): number => {
    const db = openReadOnly(join(machine.dataDir, 'pipeline.db'))
    const row = db.prepare('select coalesce(sum(applied), 0) as applied from places where reader = ?').get(reader) as { applied: number }
    db.close()
    return row.applied
  }
  await until('the lake has what the warehouse has', () => applied('lake') >= applied('loader'), LAKE_MS_MAX)
  await machine.stop('pipeline')
  const found = await machine.cli('lake', 'check', '--json')
  const { rows, faults } = JSON.parse(found.stdout) as { rows: number; faults: string[] }
  assert.deepEqual(faults, [])
  assert.deepEqual({ rows, applied: applied('lake') }, { rows: applied('loader'), applied: applied('loader') })
}

/** Every record that the logs hold is one row of bronze, heartbeats aside; asked as an operator asks. */
export async function assertLoaded(machine: Machine): Promise<void> {
  const books = await machine.cli('audit', '--json')
  const { checks, unchecked } = JSON.parse(books.stdout) as Audit
  assert.deepEqual({ failed: checks.filter(({ ok }) => !ok), unchecked }, { failed: [], unchecked: [] })
  assert.ok(checks.some(({ name, actual }) => name === 'bronze rows = applied by the loader' && actual > 0))
}
