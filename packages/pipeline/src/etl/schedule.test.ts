import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../kernel/logging.ts'
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
