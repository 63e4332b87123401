import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, DEAD, isoOf, METRICS, MINUTE_MS, type AdWindow } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { transaction } from '../kernel/sqlite.ts'
import type { LogRecord } from '../log/event-log.ts'
import { letterOf } from '../reader/loop.ts'
import { feeding, memoryStore } from '../reader/testing/fixture.ts'
import { totalsIn, totalsOf } from '../reader/totals.ts'
import { ANOMALY_READER, ANOMALY_TOPICS, anomalyReader } from './reader.ts'
import { ANOMALY_DEFAULTS } from './rules.ts'
import { NOTHING_WRONG, traffic, type Wrong } from './testing/traffic.ts'
import type { MinuteTotals } from './measures.ts'

const DAY_MIN = 24 * 60
const RULES = { ...ANOMALY_DEFAULTS, warmUpMs: 8 * DAY_MS }
const START = traffic(1, 1, () => NOTHING_WRONG).next().value!.minute

/** A pipeline's store with the reader in it, and a topic of windows that is read when a test says so. */
function setup({ refusedNow = () => Promise.resolve<number | undefined>(undefined) } = {}) {
  const store = memoryStore()
  const { db, derived } = store
  const totals = totalsIn(db)
  const told: string[] = []
  let now = START
  const make = () =>
    anomalyReader({
      db,
      path: ':memory:',
      watermark: () => totalsOf(db)('pending').amount,
      endsOf: () => derived.ends(METRICS),
      rules: () => RULES,
      alerts: {
        raise: ({ rule, subject, at, severity }) => told.push(`raise ${rule} of ${subject} ${at === now ? '' : 'late '}${severity}`),
        calm: (rule, subject, at) => told.push(`calm ${rule} of ${subject} after ${Math.round((at - START) / MINUTE_MS)}`),
      },
      refusedNow,
      clock: () => now,
      logger: silentLogger,
    })
  let reader = make()
  const feed = feeding(db, ANOMALY_READER, ANOMALY_TOPICS, () => reader.handler)
  const next = new Map<string, number>()

  return {
    ...store,
    told,
    status: () => reader.status(),
    restart() {
      reader = make()
      feed.restart()
    },
    /** As the stream does: the rows of the windows that the watermark passes, and that, in one transaction. */
    pass(windows: readonly AdWindow[], to: number) {
      now = to
      transaction(db, () => {
        derived.appendNow(
          METRICS,
          windows.map((row) => ({ key: `${row.item_id}/`, value: JSON.stringify(row), headers: {} })),
        )
        totals.put('pending', { count: 0, amount: to })
      })
    },
    /** Reads on to the end of both topics, as the loop does. */
    async read(isRolledBackFirst = false) {
      const places = ANOMALY_TOPICS.flatMap((topic) =>
        Array.from({ length: derived.partitions(topic) }, (_, partition) => ({
          topic,
          partition,
          next: next.get(`${topic}-${partition}`) ?? 0,
        })),
      )
      const batch: readonly LogRecord[] = await derived.read(places, { countMax: 100_000, waitMs: 0 })
      if (isRolledBackFirst) feed.applyAndRollBack(batch)
      const fates = feed.apply(batch)
      for (const { topic, partition, offset } of batch) next.set(`${topic}-${partition}`, offset + 1)
      return fates
    },
    close: () => reader.closeDue(),
    noteRefused: () => reader.noteRefused(),
  }
}

/** A minute as rows of two items. */
function rowsOf({ minute, impressions, clicks, orders, attributedOrders, revenuePaise }: MinuteTotals): AdWindow[] {
  const halves = [Math.floor, Math.ceil].map((round, item) => ({
    window_start: isoOf(minute),
    window_end: isoOf(minute + MINUTE_MS),
    item_id: item + 1,
    campaign_id: null,
    impressions: round(impressions / 2),
    clicks: round(clicks / 2),
    valid_clicks: round(clicks / 2),
    orders: round(orders / 2),
    attributed_orders: round(attributedOrders / 2),
    revenue: round(revenuePaise / 2) / 100,
    ctr: 0,
    cvr: 0,
  }))
  return halves.filter((row) => row.impressions + row.clicks + row.orders > 0)
}

/** Ten days at once, and then the minutes that a test asks for. */
async function tenDays(at: ReturnType<typeof setup>, wrongAt: (minuteAt: number) => Partial<Wrong> = () => ({})) {
  const all = traffic(21, 20, (minuteAt) => ({ ...NOTHING_WRONG, ...wrongAt(minuteAt) }))
  const minutes = 9 * DAY_MIN + 12 * 60
  for (let from = 0; from < minutes; from += DAY_MIN / 2) {
    const rows = Array.from({ length: DAY_MIN / 2 }, () => rowsOf(all.next().value)).flat()
    at.pass(rows, START + (from + DAY_MIN / 2) * MINUTE_MS)
    await at.read()
    await at.close()
  }
  at.told.length = 0
  return { all, minutes }
}

test('a total stop, of which there is no row, is told with the close of its minute, once, and is resolved; a restart between changes nothing', async () => {
  using at = setup()
  const { all, minutes } = await tenDays(at)
  const step = async (isStopped: boolean, minuteAt: number) => {
    const totals = all.next().value
    at.pass(isStopped ? [] : rowsOf(totals), START + (minuteAt + 1) * MINUTE_MS)
    await at.read(minuteAt % 5 === 0)
    await at.close()
    if (minuteAt % 3 === 0) at.restart()
  }
  await step(true, minutes)
  assert.deepEqual(at.told, ['raise order_rate of all traffic critical'])
  for (let each = 1; each < 30; each += 1) await step(true, minutes + each)
  assert.deepEqual(new Set(at.told), new Set(['raise order_rate of all traffic critical']), 'it goes on, and is no other')
  assert.deepEqual(at.status().open, ['order_rate'])
  for (let each = 30; each < 60; each += 1) await step(false, minutes + each)
  assert.deepEqual(at.status().open, [])
  assert.equal(at.told.filter((each) => each.startsWith('calm order_rate')).length, 1)
})

test('no minute is closed before all of its rows are read, nor before the watermark has passed it', async () => {
  using at = setup()
  const all = traffic(3, 20, () => NOTHING_WRONG)
  at.pass(rowsOf(all.next().value), START + MINUTE_MS)
  await at.close()
  assert.equal(at.status().judgedTo, null)
  await at.read()
  await at.close()
  assert.equal(at.status().judgedTo, START + MINUTE_MS)
  at.pass(rowsOf(all.next().value), START + 2 * MINUTE_MS - 1)
  await at.read()
  await at.close()
  assert.equal(at.status().judgedTo, START + MINUTE_MS)
})

test('a batch that is rolled back and read again counts once', async () => {
  using at = setup()
  const totals = traffic(3, 20, () => NOTHING_WRONG).next().value!
  at.pass(rowsOf(totals), START)
  await at.read(true)
  const { refused: _, dead: __, ...expected } = totals
  const row = at.db
    .prepare(
      `select minute, impressions, clicks, orders, attributed_orders as attributedOrders, revenue_paise as revenuePaise from anomaly_minutes`,
    )
    .get()
  assert.deepEqual({ ...row }, expected)
})

test('what was out of the usual days ago is learned from, and told to nobody', async () => {
  using at = setup()
  const { all, minutes } = await tenDays(at)
  const rows = Array.from({ length: 3 * DAY_MIN }, (_, each) => {
    const minute = rowsOf(all.next().value)
    return each < 60 ? [] : minute
  }).flat()
  at.pass(rows, START + (minutes + 3 * DAY_MIN) * MINUTE_MS)
  await at.read()
  await at.close()
  assert.deepEqual(
    at.told.filter((each) => each.includes('order_rate')),
    [],
  )
})

test('dead letters count in the minute that they died in, also of a window that is closed; one that cannot be read makes no other', async () => {
  using at = setup()
  const totals = traffic(3, 20, () => NOTHING_WRONG).next().value!
  at.pass(rowsOf(totals), START + 5 * MINUTE_MS)
  await at.read()
  await at.close()
  const record: LogRecord = { topic: METRICS, partition: 0, offset: 9, key: 'k', value: '', headers: {}, appendedAt: START }
  const letter = letterOf('stream', record, 'handler_failed', 'x', 1, START)
  transaction(at.db, () =>
    at.derived.appendNow(
      DEAD,
      [letter, 'rubbish'].map((value) => ({ key: 'k', value: JSON.stringify(value), headers: {} })),
    ),
  )
  transaction(at.db, () => at.derived.appendNow(DEAD, [{ key: 'k', value: JSON.stringify({ ...letter, died_at: 'soon' }), headers: {} }]))
  assert.deepEqual((await at.read()).map(String).toSorted(), ['applied', 'skipped', 'skipped'])
  assert.deepEqual({ ...at.db.prepare('select minute, dead from anomaly_minutes').get() }, { minute: START + 5 * MINUTE_MS, dead: 1 })
})

test('what the gateway refuses is counted from when it is first asked, also where it was started anew, or does not answer', async () => {
  const answers = [100, 140, undefined, 30, 35]
  using at = setup({ refusedNow: () => Promise.resolve(answers.shift()) })
  while (answers.length > 0) await at.noteRefused()
  assert.deepEqual({ ...at.db.prepare('select minute, refused from anomaly_minutes').get() }, { minute: START, refused: 40 + 30 + 5 })
})

test('a row that is none of a window is a dead letter', async () => {
  using at = setup()
  const [row] = rowsOf(traffic(3, 20, () => NOTHING_WRONG).next().value)
  for (const none of [{ window_start: 1 }, ...['soon', isoOf(START + 1)].map((start) => ({ ...row, window_start: start }))]) {
    transaction(at.db, () => at.derived.appendNow(METRICS, [{ key: 'k', value: JSON.stringify(none), headers: {} }]))
    const [fate] = await at.read()
    assert.ok(typeof fate === 'object' && fate.dead === 'invalid_event', JSON.stringify(fate))
  }
  assert.equal(at.db.prepare('select count(*) as rows from anomaly_minutes').get()?.['rows'], 0)
})
