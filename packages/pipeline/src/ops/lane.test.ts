import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { GENERAL } from '@flowguard/contract'
import { silentLogger } from '../kernel/logging.ts'
import { runAll } from '../kernel/lifecycle.ts'
import { openLaneStore } from '../lane-store.ts'
import { readerLoop } from '../reader/loop.ts'
import { eventually } from '../reader/testing/fixture.ts'
import { openStores } from '../stores.ts'
import { deadShipper, LANE_DEAD } from '../workers/dead-shipper.ts'
import type { Work } from '../workers/enrich.ts'
import { worker } from '../workers/worker.ts'
import { audit } from './audit.ts'
import { openMachine, T0, temporaryFolder, TOPIC_SPECS } from './fixture.ts'
import { groups } from './groups.ts'
import { FILES } from './stores.ts'
import { summary } from './summary.ts'
import { traceEvent } from './trace.ts'

const base = temporaryFolder()
const clock = () => T0

/** Of five events one fails at once, one is sent twice, and one waits to be tried again. */
before(async () => {
  await using machine = openMachine(base.path)
  const send = (id: string, fields: object) => {
    const event = {
      event_id: id,
      user_id: 'u1',
      event_type: 'page_view',
      received_at: new Date(T0).toISOString(),
      is_bot: false,
      ts: T0,
      ...fields,
    }
    return machine.raw.append(GENERAL, [{ key: 'u1', value: JSON.stringify(event), headers: { content_hash: id } }])
  }
  for (const id of ['seen', 'seen', 'bought', 'unpaid', 'stubborn', 'signed']) {
    const fields = {
      bought: { event_type: 'purchase', properties: { amount: 1_001 } },
      unpaid: { event_type: 'purchase' },
      signed: { event_type: 'user_signup' },
    }
    await send(id, fields[id as 'bought'] ?? {})
  }
  using store = openLaneStore(join(base.path, FILES.lane), TOPIC_SPECS, clock)
  const work: Work = ({ event_id: id }) => {
    if (id === 'stubborn') throw new Error('not now')
    return { category: id === 'bought' ? 'high_value' : null }
  }
  const { db, path, derived } = machine.pipeline
  const parts = [
    worker({ name: 'w1', log: machine.raw, store, work, clock, random: Math.random, logger: silentLogger }),
    readerLoop(
      { name: LANE_DEAD, topics: ['dead.v1'], log: store.lane, handler: deadShipper(derived) },
      { db, path, derived, clock, logger: silentLogger },
    ),
  ]
  const stop = new AbortController()
  const running = runAll(parts, stop.signal)
  await using stores = machine.stores()
  const isDone = async () =>
    (await groups(stores)).readers.every(({ name, lag }) => (name !== 'workers' && name !== LANE_DEAD) || lag === 0) &&
    (await summary(stores)).dead === 1
  await eventually(isDone, 'the lane is empty')
  stop.abort()
  await running
})
after(() => base[Symbol.dispose]())

/** The checks that fail once `plant` has changed the workers' store. */
async function failing(plant: (db: DatabaseSync) => void): Promise<string[]> {
  using folder = temporaryFolder()
  cpSync(base.path, folder.path, { recursive: true })
  const db = new DatabaseSync(join(folder.path, FILES.lane))
  plant(db)
  db.close()
  await using stores = openStores({ dataDir: folder.path, topics: TOPIC_SPECS, clock })
  const { checks } = await audit(stores)
  return checks.filter(({ ok }) => !ok).map(({ name }) => name)
}

const APPLIED = 'general events applied = processed or waiting'
const ONCE = 'no general event is worked off twice'
const FAILED = 'every failed general event has its dead letter'
const READ = 'read = in the log before the place'
const FATES = 'read = applied + duplicate + late + skipped + dead'
const LETTERS = 'dead letters = counted as dead'

test('the books of the general lane balance', async () => {
  assert.deepEqual(await failing(() => undefined), [])
})

for (const [what, sql, expected] of [
  ['a processed event is lost', "delete from processed_events where event_id = 'bought'", [APPLIED]],
  ['a waiting event is lost', 'delete from lane_retries', [APPLIED]],
  ['an event is processed and failed', "update failed_events set event_id = 'bought'", [ONCE]],
  ['a record is worked off twice', "update processed_events set log_offset = 0 where event_id = 'bought'", [ONCE]],
  ['a failed event has no letter', "update failed_events set dead_id = 'workers/nothing'", [FAILED]],
  ['a place is moved by hand', "update places set next = next - 1 where reader = 'workers' and read > 0", [READ]],
  ['a tally is changed', "update places set dead = dead + 1 where reader = 'workers' and read > 0", [FATES, LETTERS]],
] as [string, string, string[]][]) {
  test(`the audit sees it when ${what}`, async () => {
    assert.deepEqual(await failing((db) => db.exec(sql)), expected)
  })
}

test('trace says what became of a general event', async () => {
  await using stores = openStores({ dataDir: base.path, topics: TOPIC_SPECS, clock })
  const outcome = async (id: string) => (await traceEvent(stores, id)).outcome.join('\n')
  assert.match(await outcome('bought'), /^processed by w1 at 2026-03-01T12:00:00.000Z\ncategory high_value$/)
  assert.match(await outcome('seen'), /^processed by w1 .*\nin the session that began at 2026-03-01T12:00:00.000Z$/)
  assert.match(await outcome('unpaid'), /^failed at .*, by w1, after 1 try: \/properties\/amount [^]*dead letter workers\/raw.events.v1-/)
  assert.match(await outcome('stubborn'), /^pending: to be tried again at .*, after 1 try that failed: Error: not now$/)
})
