import assert from 'node:assert/strict'
import { hasCode } from '../kernel/errors.ts'
import { failing, general, processing, type WithLane } from './testing/fixture.ts'

/** Two workers with the same in hand. */
export function rivalConformance(withLane: WithLane): void {
  withLane('of two that have one stretch in hand one loses its transaction, and leaves nothing behind', async (machine) => {
    const rival = { store: await machine.another(), clock: machine.clock }
    const [one, other] = [await processing(machine), await processing(rival, undefined, 'w2')]
    const batch = [general({ event_id: 'a' }), general({ event_id: 'b', event_type: 'user_signup' })]
    const results = await Promise.allSettled([one.apply(...batch), other.apply(...batch)])
    const lost = results.filter((each) => each.status === 'rejected')
    assert.equal(lost.length, 1)
    assert.ok(hasCode(lost[0]!.reason, 'place_moved'), String(lost[0]!.reason))
    const counts = await machine.rows(
      'select (select count(*) from processed_events) as processed, (select count(*) from failed_events) as failed',
    )
    assert.deepEqual(counts, [{ processed: 1, failed: 1 }])
    assert.equal((await machine.letters()).length, 1)
    const { read, applied, dead } = await one.tally()
    assert.deepEqual([read, applied, dead], [2, 1, 1])
  })

  withLane('one event in two partitions, in the hands of two workers at once, has one row in all', async (machine) => {
    const rival = { store: await machine.another(), clock: machine.clock }
    for (let round = 0; round < 12; round += 1) {
      // In turn both process it, one process it that the other cannot handle, and neither can.
      const [one, other] = [
        await processing(machine, failing(round % 3 === 2 ? 20 : 0)),
        await processing(rival, failing(round % 3 === 0 ? 0 : 20), 'w2'),
      ]
      // Nobody's: a user's session, which is held until the commit, would have one wait for the other from the beginning.
      const ids = Array.from({ length: 20 }, (_, at) => ({ event_id: `${round}/${at}` }))
      await Promise.all([
        persistent(() => one.apply(...ids.map((each) => general(each, 0)))),
        persistent(() => other.apply(...ids.toReversed().map((each) => general(each, 1)))),
      ])
    }
    const rows = await machine.rows(
      `select event_id from processed_events union all select event_id from failed_events union all select event_id from lane_retries`,
    )
    assert.equal(new Set(rows.map(({ event_id: id }) => id)).size, 240)
    assert.equal(rows.length, 240)
  })
}

/** As the loop does with what a store says may pass. */
async function persistent<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!hasCode(error, 'store_busy') || tries === 20) throw error
    }
  }
}
