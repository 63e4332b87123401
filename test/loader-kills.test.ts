import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { openReadOnly } from '../packages/pipeline/src/kernel/sqlite.ts'
import { loaderStandings } from '../packages/pipeline/src/loader/mirror.ts'
import { assertLoaded, SMALL_BATCHES } from './support/answers.ts'
import { madeUpEvents, writeAds, writeEvents } from './support/files.ts'
import { startMachine, until } from './support/machine.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const KILLS = IS_SOAK ? 20 : 3
const EVENTS = IS_SOAK ? 40_000 : 12_000
/** Within so long after a batch was loaded the process is killed: anywhere in the next ones. */
const WITHIN_MS = 80

const COUNTS = `
  select (select count(*) from bronze.orders_raw) as orders, (select count(distinct event_id) from bronze.orders_raw) as order_ids,
    (select count(*) from bronze.clicks_raw) as others, (select count(distinct event_id) from bronze.clicks_raw) as other_ids`

/** What the loader says of the raw topics. */
function standing(dataDir: string): { read: number; applied: number } {
  const file = join(dataDir, 'pipeline.db')
  if (!existsSync(file)) return { read: 0, applied: 0 }
  const db = openReadOnly(file)
  try {
    // The pipeline may be only just making its tables.
    const isMade = db.prepare(`select 1 from sqlite_schema where name = 'places'`).get() !== undefined
    const raw = (isMade ? loaderStandings(db) : []).filter(({ topic }) => topic.startsWith('raw.'))
    return { read: raw.reduce((sum, each) => sum + each.read, 0), applied: raw.reduce((sum, each) => sum + each.applied, 0) }
  } finally {
    db.close()
  }
}

test(`killed ${KILLS} times in the middle of loading: no row twice, none missing`, async (t) => {
  const random = mulberry32(20)
  const events = madeUpEvents(EVENTS, random)
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-kills-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using machine = await startMachine({ idle: true, env: { ADS_FILE: writeAds(folder, events), ...SMALL_BATCHES } })
  await machine.start('edge')
  const sent = await machine.cli('replay', writeEvents(folder, 'events.ndjson', events), '--speed', 'max')
  assert.equal(sent.code, 0, sent.stderr)
  let killed = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = standing(machine.dataDir).read
    await machine.start('pipeline')
    await until('something to be loaded', () => standing(machine.dataDir).read > before)
    await wait(random() * WITHIN_MS)
    await machine.kill('pipeline')
    if (standing(machine.dataDir).read < events.length) killed += 1
  }
  await machine.start('pipeline')
  await until('the loader to be level', () => standing(machine.dataDir).applied >= events.length)
  await assertLoaded(machine)
  const { stdout } = await machine.cli('sql', COUNTS, '--json')
  const orders = events.filter(({ event_type: type }) => type === 'order').length
  const others = events.length - orders
  assert.deepEqual(JSON.parse(stdout), [{ orders, order_ids: orders, others, other_ids: others }])
  assert.equal(killed, KILLS, 'all was loaded before the last kill')
})
