import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowGuardError } from '../../kernel/errors.ts'
import { openPostgres } from '../../kernel/postgres.ts'
import type { OrderDraft } from '../database.ts'
import { testCluster } from '../testing/cluster.ts'
import { draftOf, taken } from '../testing/drafts.ts'
import { openPostgresDatabase } from './postgres.ts'

const CALLERS = 32
const KILLS = 3
const ACCEPTED_BEFORE_KILL = 500

test('a server that is killed under load loses nothing that was accepted, and is used again by itself once it is back', async () => {
  await using cluster = await testCluster()
  await using postgres = openPostgres({ url: cluster.url })
  await using database = await openPostgresDatabase({ postgres, clock: Date.now })
  const accepted = new Map<string, OrderDraft>()
  let refused = 0
  let isOver = false

  /** As a client does: sends again what was refused, until it is answered. */
  async function call(): Promise<void> {
    while (!isOver) {
      const draft = draftOf()
      for (;;) {
        try {
          const result = await taken(database, draft)
          assert.ok(result.kind === 'accepted' || result.kind === 'duplicate')
          assert.equal(result.orderId, draft.orderId)
          accepted.set(draft.eventId, draft)
          break
        } catch (error) {
          if (!(error instanceof FlowGuardError && error.retriable)) throw error
          refused += 1
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }
    }
  }

  const callers = Promise.all(Array.from({ length: CALLERS }, call))
  const reached = async (count: number) => {
    while (accepted.size < count) await Promise.race([callers, new Promise((resolve) => setTimeout(resolve, 5))])
  }
  for (let kills = 0; kills < KILLS; kills += 1) {
    await reached(accepted.size + ACCEPTED_BEFORE_KILL)
    await cluster.kill()
    const before = refused
    while (refused === before) await Promise.race([callers, new Promise((resolve) => setTimeout(resolve, 5))])
    await cluster.start()
  }
  await reached(accepted.size + ACCEPTED_BEFORE_KILL)
  isOver = true
  await callers

  const inOutbox: string[] = []
  for (;;) {
    const rows = await database.outbox(1_000)
    const last = rows.at(-1)
    if (!last) break
    for (const { record } of rows) inOutbox.push((JSON.parse(record.value) as { event_id: string }).event_id)
    await database.shipped(last.id)
  }
  assert.deepEqual(inOutbox.toSorted(), [...accepted.keys()].toSorted())
  for (const [, draft] of [...accepted].slice(-50)) assert.equal((await database.order(draft.orderId))?.event_id, draft.eventId)
})
