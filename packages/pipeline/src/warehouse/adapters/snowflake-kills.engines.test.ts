import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { CLICKS, ORDERS } from '@flowguard/contract'
import { network } from '../../../../../test/support/engines.ts'
import { mulberry32 } from '../../cli/prng.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { loadToLevel } from '../../loader/loader.ts'
import { madeUpFeeds, noMirror } from '../testing/made-up-log.ts'
import { snowflakeAccess } from '../testing/snowflake.ts'
import type { SnowflakeAccess } from './snowflake-connection.ts'
import { initSnowflake, openSnowflake } from './snowflake.ts'

const IS_SOAK = process.env['FLOWGUARD_SOAK'] !== undefined
const KILLS = IS_SOAK ? 20 : 3
const CUTS = IS_SOAK ? 20 : 3
const BATCH = 40
const COUNT = BATCH * (3 * KILLS + 2 * CUTS)
const WITHIN_MS = 300
const CHILD = join(import.meta.dirname, '../testing/snowflake-loader.child.ts')

/** Loads in a process of its own; resolves once that is gone. */
async function killed(access: SnowflakeAccess, env: NodeJS.ProcessEnv, onLoaded: (kill: () => void) => void): Promise<void> {
  const args = ['--disable-warning=ExperimentalWarning', CHILD, ...[access, COUNT, BATCH].map((each) => JSON.stringify(each))]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  child.stdout.once('data', () => onLoaded(() => child.kill('SIGKILL')))
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL', 'all was loaded before it was killed')
}

test(
  `killed ${KILLS} times and cut off ${CUTS} times in the middle of loading: no row twice, none missing`,
  { timeout: 800_000 },
  async (t) => {
    t.after(() => network('snowflake').mend())
    const random = mulberry32(8)
    const access = snowflakeAccess()
    await initSnowflake(access)
    for (let kill = 0; kill < KILLS; kill += 1) {
      const how = kill % 3
      const env = how === 2 ? {} : { FLOWGUARD_CRASH: `loader.${how === 0 ? 'before' : 'after'}-commit:2` }
      await killed(access, env, (end) => void (how === 2 && setTimeout(end, random() * WITHIN_MS)))
    }

    const far = { ...access, address: { ...access.address, accessUrl: snowflakeAccess('snowflake-proxy').address.accessUrl } }
    await using warehouse = openSnowflake(far)
    const { bronze } = warehouse
    let failed = 0
    const counting = {
      ...bronze,
      async load(...of: Parameters<typeof bronze.load>) {
        try {
          await bronze.load(...of)
        } catch (error) {
          failed += 1
          throw error
        }
      },
    }
    const feeds = madeUpFeeds(COUNT)
    const options = { bronze: counting, feeds, mirror: noMirror(), rowsMax: BATCH, ageMs: 0, clock: Date.now, logger: silentLogger }
    let isDone = false
    const loading = loadToLevel(options, new AbortController().signal, () => undefined).finally(() => (isDone = true))
    let cuts = 0
    while (!isDone && cuts < CUTS) {
      await wait(random() * WITHIN_MS)
      await (cuts % 2 === 0 ? network('snowflake').cut() : network('snowflake').reset())
      await wait(random() * WITHIN_MS)
      await network('snowflake').mend()
      cuts += 1
    }
    await loading
    assert.equal(cuts, CUTS, 'all was loaded before the last cut')
    t.diagnostic(`${failed} loads failed and were settled`)
    // A few cuts may all fall between two loads.
    if (IS_SOAK) assert.ok(failed > 0, 'no cut was in the middle of a load')
    const counts = await warehouse.query(
      `select (select count(*) from bronze.orders_raw) as orders, (select count(distinct event_id) from bronze.orders_raw) as order_ids,
       (select count(*) from bronze.clicks_raw) as clicks, (select count(distinct event_id) from bronze.clicks_raw) as click_ids`,
      { rowsMax: 1, timeoutMs: 10_000 },
    )
    assert.deepEqual(counts.rows, [[COUNT / 2, COUNT / 2, COUNT / 2, COUNT / 2]])
    assert.deepEqual(
      (await bronze.places()).map(({ topic, next, read, applied }) => [topic, next, read, applied]),
      [CLICKS, ORDERS].map((topic) => [topic, COUNT / 2, COUNT / 2, COUNT / 2]),
    )
  },
)
