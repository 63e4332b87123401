import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fc } from '../../kernel/testing/chance.ts'
import type { Database, OrderDraft } from '../database.ts'
import { draftOf, outboxValues } from '../testing/drafts.ts'
import { testDatabase } from '../testing/postgres.ts'
import { openPostgresDatabase } from './postgres.ts'
import { openSqliteDatabase } from './sqlite.ts'

const RUNS = 40
const clock = () => 0

/** Few ids, users and contents, so that they meet. */
const draft = fc.record({
  event: fc.integer({ min: 1, max: 12 }),
  user: fc.integer({ min: 1, max: 2 }),
  content: fc.integer({ min: 1, max: 2 }),
  orderType: fc.constantFrom('placed', 'placed', 'placed', 'confirmed', 'cancelled', 'delivered'),
  client: fc.option(fc.integer({ min: 1, max: 3 })),
})
/** Turns of the event loop, each with calls, each with drafts. */
const turns = fc.array(fc.array(fc.array(draft, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 6,
})

test('random groups of orders, repeats and statuses come to the same on PostgreSQL as on SQLite', async () => {
  await using store = await testDatabase()
  const path = mkdtempSync(join(tmpdir(), 'flowguard-alike-'))
  await using sqlite = openSqliteDatabase({ path: join(path, 'edge.db'), clock })
  await using postgres = await openPostgresDatabase({ postgres: store.connect(), clock })
  let run = 0
  await fc.assert(
    fc.asyncProperty(turns, async (list) => {
      run += 1
      const seen: string[] = []
      for (const turn of list) {
        const calls = turn.map((call) => call.map((each) => draftIn(run, each)))
        seen.push(...calls.flat().map(({ orderId }) => orderId))
        const [expected, found] = await Promise.all(
          [sqlite, postgres].map((database) => Promise.all(calls.map((call) => database.take(call)))),
        )
        assert.deepEqual(found, expected)
      }
      for (const orderId of seen) assert.deepEqual(await postgres.order(orderId), await sqlite.order(orderId))
      assert.deepEqual(await emptied(postgres), await emptied(sqlite))
    }),
    { numRuns: RUNS },
  )
  rmSync(path, { recursive: true, force: true })
})

function draftIn(
  run: number,
  { event, user, content, orderType, client }: { event: number; user: number; content: number; orderType: string; client: number | null },
): OrderDraft {
  return draftOf({
    eventId: `${run}-${event}`,
    userId: `${run}-u${user}`,
    contentHash: `hash ${content}`,
    orderType: orderType as OrderDraft['orderType'],
    clientOrderId: client === null ? null : `mine ${client}`,
  })
}

async function emptied(database: Database): Promise<Record<string, unknown>[]> {
  const values = await outboxValues(database)
  const last = (await database.outbox(10_000)).at(-1)
  if (last) await database.shipped(last.id)
  return values
}
