import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, dayOf, MINUTE_MS } from '@flowguard/contract'
import { rendered } from '../etl/dialect.ts'
import { idleEtl, openMachine, T0, temporaryFolder } from '../ops/fixture.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { loaderStandings } from '../loader/mirror.ts'
import { batchSql, eventsSql, otherDaysSql } from './batch-sql.ts'
import { attributionsSql, chargesSql, hoursSql, streamSql } from './compare-sql.ts'
import { findsFaults, settlesFaults } from './faults.fixture.ts'
import { onDuckdb, reconcilingOver } from './reconciling.fixture.ts'

const DAY = dayOf(T0)
const MINUTE = MINUTE_MS

findsFaults(onDuckdb)
settlesFaults(onDuckdb)

test('an ETL run has its days reconciled once they are made', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await machine.heartbeat(0)
  await machine.click({ id: 'click', user: 'u', at: MINUTE }, 'cpc-1')
  await machine.heartbeat(10 * MINUTE)
  await machine.read()
  const { reconcile, view } = reconcilingOver(machine)
  const etl = idleEtl(machine.warehouse, async (days) => {
    // The run is over by then: another may begin.
    assert.equal((await etl.run(1))?.state, 'done')
    assert.equal(etl.progress(), undefined)
    await reconcile.run(days, 'etl')
  })
  const runId = await etl.start({ from: DAY, to: DAY }, 'schedule')
  await etl.idle()
  assert.equal((await etl.run(runId))?.state, 'done')
  assert.deepEqual(
    view.runs(2).map(({ asked_by: by, from, to, state }) => [by, from, to, state]),
    [['etl', DAY, DAY, 'done']],
  )
})

test('heartbeats that are yet to be loaded are not waited for; the warehouse is asked once the loader has told that it is there', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await machine.heartbeat(0)
  await machine.click({ id: 'click', user: 'u', at: MINUTE }, 'cpc-1')
  await machine.heartbeat(10 * MINUTE)
  await machine.read()
  const { warehouse, pipeline } = machine
  {
    using session = await warehouse.session()
    await session.run(`update bronze.places set "next" = 0 where topic = 'raw.orders.v1'`)
  }
  let [told, asked] = [0, 0]
  const { reconcile } = reconcilingOver(machine, undefined, {
    loaded: () => ((told += 1) < 3 ? [] : loaderStandings(pipeline.db)),
    warehouse: {
      async session() {
        const session = await warehouse.session()
        const rows: typeof session.rows = (sql, params) => {
          if (sql.includes('bronze.places')) asked += 1
          return session.rows(sql, params)
        }
        return { ...session, rows }
      },
    },
  })
  assert.deepEqual((await reconcile.plan([DAY])).differences, [])
  // The second question is from when on it is whole.
  assert.deepEqual([told, asked], [3, 2])
})

test('where another process is at work on the warehouse nothing is begun', async () => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  const hold = () => {
    throw new FlowGuardError('warehouse_held', 'planted')
  }
  const { reconcile, view } = reconcilingOver(machine, undefined, { hold })
  for (const asked of [reconcile.run([DAY], 'operator'), reconcile.plan([DAY])]) await assert.rejects(asked, { code: 'warehouse_held' })
  assert.deepEqual(view.runs(1), [])
})

test('no statement keeps what Snowflake does not know, whatever its stand-in lets pass', () => {
  const from = Date.parse(DAY)
  for (const wholeFrom of [-Infinity, from]) {
    const span = { from, to: from + DAY_MS, end: from + DAY_MS, settledTo: from + DAY_MS, wholeFrom, beforeMs: 31 * MINUTE }
    const asked = [otherDaysSql(span), streamSql(span), attributionsSql(), chargesSql(span), hoursSql(span)]
    for (const sql of [...eventsSql(span), ...batchSql(span), ...asked].map((each) => rendered(each, 'snowflake'))) {
      // Questions that hang on a row, and words of DuckDB's.
      assert.doesNotMatch(sql, /\bexists \(|::|[{}[\]]|\bwindow \w+ as|\binterval \d/)
      assert.doesNotMatch(sql, /\bepoch_ms|json_extract|to_milliseconds|make_timestamp|bool_or|group by all|\brows (?!between)/)
    }
  }
})
