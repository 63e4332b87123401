import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { until } from '../../../../test/support/machine.ts'
import { openWarehouse } from './fixture.ts'
import { schedule } from './schedule.ts'

test('runs at its hour for the day before, makes up what was missed, and not twice', async () => {
  await using w = await openWarehouse()
  let now = Date.parse('2026-03-05T00:59:59Z')
  const clock = () => now
  const at = (time: string) => {
    now = Date.parse(time)
    w.at(time)
  }
  at('2026-03-05T00:59:59Z')
  for (const day of ['2026-03-01', '2026-03-03', '2026-03-04', '2026-03-08']) await w.orders({ user_id: 'u', at: `${day} 10:00:00` })
  const asked = async () => (await w.etl().runs(10)).map((run) => [run.from_date, run.to_date, run.days_done, run.state]).toReversed()
  async function scheduled(work: () => Promise<void>) {
    const stop = new AbortController()
    const running = schedule({ etl: w.etl(), at: '01:00', clock, logger: silentLogger, lookMs: 5 })(stop.signal)
    try {
      await work()
    } finally {
      stop.abort()
      await running
    }
  }
  await scheduled(async () => {
    await until('the run that is overdue at the start', async () => (await asked()).length === 1 && (await asked())[0]![3] === 'done')
    at('2026-03-05T01:00:00Z')
    await until('the run of its hour', async () => (await asked()).length === 2 && (await asked())[1]![3] === 'done')
  })
  // With every other day that is over and was never made.
  const first = [
    ['2026-03-03', '2026-03-03', 3, 'done'],
    ['2026-03-04', '2026-03-04', 1, 'done'],
  ]
  assert.deepEqual(await asked(), first)
  // Off for three days; and started twice.
  at('2026-03-09T00:30:00Z')
  await scheduled(() => until('what was missed', async () => (await asked()).length === 3 && (await asked())[2]![3] === 'done'))
  at('2026-03-09T00:31:00Z')
  let looks = 0
  await scheduled(() => until('a few looks', async () => (looks += 1) > 5))
  assert.deepEqual(await asked(), [...first, ['2026-03-05', '2026-03-07', 4, 'done']])
})

test('where not all was loaded when it began it is told, and looks again for what is stale until all is, also in another process', async () => {
  const behind = ['the loader has yet to read 1000 records of raw.orders.v1/0']
  let awaited: readonly string[] = behind
  await using w = await openWarehouse({ awaited: async () => awaited })
  let now = 0
  const warned: unknown[] = []
  const logger = { ...silentLogger, warn: (_of: object, message: string) => warned.push(message) } as unknown as Logger
  const at = (time: string) => {
    now = Date.parse(time)
    w.at(time)
  }
  const asked = async () => (await w.etl().runs(10)).map((run) => [run.to_date, run.days_done, run.is_level, run.state]).toReversed()
  const orders = async () => (await w.rows<{ n: number }>('select order_count as n from gold.daily_gmv_metrics'))[0]?.n
  /** Looks so often that a run that is due would have begun, and waits for it. */
  async function looks() {
    const stop = new AbortController()
    let count = 0
    const clock = () => ((count += 1), now)
    const running = schedule({ etl: w.etl(), at: '01:00', clock, logger, lookMs: 5 })(stop.signal)
    await until('some looks', () => count > 20)
    stop.abort()
    await running
  }
  at('2026-03-02T01:00:00Z')
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
  await looks()
  const first = ['2026-03-01', 1, false, 'done']
  assert.deepEqual(await asked(), [first])
  assert.match(String(warned), /^not all was loaded when the scheduled etl run began/)
  // Nothing is stale, so nothing is made.
  at('2026-03-02T01:11:00Z')
  await looks()
  assert.deepEqual(await asked(), [first])
  // The loader goes on, and has not caught up yet; then it has.
  await w.orders({ user_id: 'u', at: '2026-03-01 11:00:00' })
  at('2026-03-02T01:22:00Z')
  await looks()
  assert.deepEqual([await asked(), await orders()], [[first, [null, 1, false, 'done']], 2])
  awaited = []
  await w.orders({ user_id: 'u', at: '2026-03-01 12:00:00' })
  at('2026-03-02T01:33:00Z')
  await looks()
  const made = [first, [null, 1, false, 'done'], [null, 1, true, 'done']]
  assert.deepEqual([await asked(), await orders(), warned.length], [made, 3, 2])
  // From now on what is late waits for the next day.
  await w.orders({ user_id: 'u', at: '2026-03-01 13:00:00' })
  at('2026-03-02T23:00:00Z')
  await looks()
  assert.deepEqual(await asked(), made)
  at('2026-03-03T01:00:00Z')
  await looks()
  assert.deepEqual([(await asked()).slice(3), await orders()], [[['2026-03-02', 2, true, 'done']], 4])
})
