import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MODELS } from '../packages/pipeline/src/etl/fixture.ts'
import type { RunDetail } from '../packages/pipeline/src/etl/store.ts'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import type { Step } from '../packages/pipeline/src/kernel/crash.ts'
import { openDuckdb } from '../packages/pipeline/src/warehouse/adapters/duckdb.ts'
import { WAREHOUSE } from '../packages/pipeline/src/warehouse/schema.ts'

const DAYS = { from: '2026-03-01', to: '2026-03-30', count: 30 } as const
/** 30 days are two chunks: in the first one's tables, at the second one's commit, and behind the first that is left. */
const KILLS: readonly `${Step}:${number}`[] = ['etl.after-table:5', 'etl.before-commit:2', 'etl.after-commit:1']

const TIMES = `timestamp '${DAYS.from}' + to_minutes(i * ${Math.floor((DAYS.count * 1_440) / 2_000)} + i % 7)`
const META = (
  topic: string,
) => `t as event_timestamp, t as received_at, t as appended_at, cast(t as date) as partition_date, false as is_bot, '${topic}' as source_topic,
  0 as source_partition, i as source_offset, '${topic}/' || i as ingestion_id, 'same' as content_hash`
const FILL = [
  `insert into bronze.orders_raw by name select 'order' as event_type, 'e' || i as event_id, 'o' || i as order_id, 'u' || i % 37 as user_id, i % 9 + 1 as item_id,
     100 + i % 50 as price, 1 + i % 3 as quantity, 'placed' as status, ${META('raw.orders.v1')} from (select i, ${TIMES} as t from range(0, 2000, 3) as r(i))`,
  `insert into bronze.clicks_raw by name select case i % 2 when 0 then 'click' else 'impression' end as event_type, 'c' || i as event_id, 'u' || i % 37 as user_id,
     i % 9 + 1 as item_id, 'ad-' || i % 4 as ad_id, ${META('raw.clicks.v1')} from (select i, ${TIMES} as t from range(2000) as r(i))`,
]

async function inWarehouse<T>(folder: string, work: (rows: (sql: string) => Promise<T[]>) => Promise<T[]>): Promise<T[]> {
  await using warehouse = openDuckdb({
    path: join(folder, WAREHOUSE.file),
    tempDir: join(folder, WAREHOUSE.temp),
    memoryMb: 256,
    threads: 2,
  })
  using session = await warehouse.session()
  return await work((sql) => session.rows<T>(sql))
}

const hashes = (folder: string) =>
  inWarehouse<object>(folder, (rows) =>
    rows(
      MODELS.map(
        ({ name }) =>
          `select '${name}' as name, count(*) as n, md5(string_agg(t::varchar, chr(10) order by t::varchar)) as hash from ${name} t`,
      ).join(' union all '),
    ),
  )

/** The command as people run it, in a process of its own, where no FlowGuard runs. */
async function etl(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const command = [join(ROOT, 'packages/pipeline/bin/flowguard.mjs'), 'etl', ...args, '--json', '--data-dir', folder]
  const child = spawn(process.execPath, command, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const told: string[] = []
  const said: string[] = []
  child.stdout.on('data', (part: Buffer) => told.push(String(part)))
  child.stderr.on('data', (part: Buffer) => said.push(String(part)))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  const answer = <T>() => {
    assert.equal(code, 0, said.join(''))
    return JSON.parse(told.join('')) as T
  }
  return { signal, answer }
}

test('a backfill of 30 days that is killed three times and resumed comes to what an undisturbed one makes, the newest days first', async (t) => {
  const whole = mkdtempSync(join(tmpdir(), 'flowguard-backfill-'))
  const killed = mkdtempSync(join(tmpdir(), 'flowguard-backfill-'))
  t.after(() => [whole, killed].forEach((folder) => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })))
  await inWarehouse(whole, async (rows) => {
    for (const sql of FILL) await rows(sql)
    return []
  })
  cpSync(whole, killed, { recursive: true })
  const range = ['backfill', '--from', DAYS.from, '--to', DAYS.to]

  const undisturbed = (await etl(whole, range)).answer<RunDetail>()
  assert.deepEqual([undisturbed.state, undisturbed.days_done], ['done', DAYS.count])

  const made: unknown[] = []
  for (const [at, kill] of KILLS.entries()) {
    const { signal } = await etl(killed, at === 0 ? range : ['backfill', '--resume'], { FLOWGUARD_CRASH: kill })
    assert.equal(signal, 'SIGKILL', `it was not killed at ${kill}`)
    made.push(...(await inWarehouse(killed, (rows) => rows('select count(*) as days, min(date) as "from" from etl.days'))))
  }
  const none = { days: 0, from: null }
  assert.deepEqual(made, [none, { days: 7, from: '2026-03-24' }, { days: 14, from: '2026-03-17' }], 'what was committed is not made again')
  const last = (await etl(killed, ['backfill', '--resume'])).answer<RunDetail>()
  assert.deepEqual([last.state, last.days_done], ['done', 16])
  assert.deepEqual(await hashes(killed), await hashes(whole))
  const runs = await inWarehouse<{ state: string }>(killed, (rows) => rows('select state from etl.runs order by run_id'))
  assert.deepEqual(
    runs.map(({ state }) => state),
    ['interrupted', 'interrupted', 'interrupted', 'done'],
  )
})
