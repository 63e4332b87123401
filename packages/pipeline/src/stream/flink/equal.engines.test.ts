/** The embedded operators, Flink, and the naive rules make the same rows of the same records. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CLICKS, isoOf, LATENESS_MS, ORDERS, SESSION_GAP_MS } from '@flowguard/contract'
import type { Sent } from '../../../../../test/support/answers.ts'
import { until } from '../../../../../test/support/machine.ts'
import { mulberry32 } from '../../cli/prng.ts'
import { SEED } from '../../kernel/testing/chance.ts'
import { embeddedRows } from '../testing/embedded.ts'
import { flinkStage } from '../testing/flink.ts'
import { logged } from '../testing/logged.ts'
import { oracle, sorted } from '../testing/oracle.ts'
import { closingTime, heartbeats, timelines, type TimelineRecord } from '../testing/crowd.ts'
import { deploy } from './deployment.ts'
import { flinkStatus } from './status.ts'

const PEOPLE = process.env['FLOWGUARD_SOAK'] ? 10_000 : 3_000
/** 23:50 UTC, so that timelines cross midnight. */
const START = Date.UTC(2026, 0, 31, 23, 50)
const STANDS_MS_MAX = 120_000
const folder = mkdtempSync(join(tmpdir(), 'flowguard-flink-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test(`${PEOPLE} random timelines (seed ${SEED}): the same rows embedded, on Flink, and by the naive rules`, async () => {
  await using stage = await flinkStage(folder)
  const records = timelines(PEOPLE, stage.topics, START, mulberry32(SEED))
  await stage.append(records)
  const partitions = { [ORDERS]: stage.topics[ORDERS].partitions, [CLICKS]: stage.topics[CLICKS].partitions }
  const expected = sorted(
    oracle(
      records.filter(({ isRubbish }) => !isRubbish),
      partitions,
    ),
  )
  assert.deepEqual(sorted(embeddedRows(await stage.raw(), stage.topics, 2_000)), expected)
  await deploy({ ...stage.options, parallelism: 2 })
  assert.deepEqual(sorted(await stage.rowsLike(expected)), expected)
})

test('what comes when time stands just where it still counts: a session goes on, an order is due to its click, and 10.001 s behind is late', async () => {
  await using stage = await flinkStage(join(folder, 'edges'))
  await deploy(stage.options)
  const event = (event_type: Sent['event_type'], id: string, ts: number): Sent => ({
    event_type,
    event_id: id,
    timestamp: isoOf(ts),
    user_id: 1,
    item_id: 7,
    ad_id: 'a',
    price: 5,
  })
  const records: TimelineRecord[] = []
  const append = async (more: readonly TimelineRecord[]) => {
    records.push(...more)
    await stage.append(more)
  }
  /** All tasks of the job have come so far. */
  const passed = async (time: number) => {
    await append(heartbeats(time, stage.topics))
    const watermark = isoOf(time - LATENESS_MS)
    await until(`it stands at ${watermark}`, async () => (await flinkStatus(stage.options)).watermark === watermark, STANDS_MS_MAX)
  }
  const sent = (events: readonly Sent[]) => append(logged(events, stage.topics).filter(({ key }) => key !== ''))

  await sent([event('click', 'c1', START)])
  // A millisecond later the session would be over, and no order due to the click.
  await passed(START + SESSION_GAP_MS + LATENESS_MS)
  await sent([
    event('order', 'o1', START + SESSION_GAP_MS),
    event('impression', 'i1', START + SESSION_GAP_MS),
    event('click', 'c2', START + SESSION_GAP_MS - 1),
  ])
  await passed(closingTime(START + SESSION_GAP_MS))

  const partitions = { [ORDERS]: stage.topics[ORDERS].partitions, [CLICKS]: stage.topics[CLICKS].partitions }
  const expected = sorted(oracle(records, partitions))
  assert.deepEqual([expected.attributed[0]?.click?.event_id, expected.sessions.map(({ events }) => events)], ['c1', [3]])
  assert.deepEqual(sorted(await stage.rowsLike(expected)), expected)
  assert.deepEqual(sorted(await stage.allRows()), expected)
})
