/** The real file on Flink: the rows of the embedded operators, whatever is killed, and none twice for who reads what is committed. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { ATTRIBUTED, type AttributedEvent } from '@flowguard/contract'
import { engine } from '../../../../../test/support/engines.ts'
import { shuffled, withRepeats } from '../../../../../test/support/files.ts'
import { until } from '../../../../../test/support/machine.ts'
import { realCase } from '../../../../../test/support/real.ts'
import { mulberry32 } from '../../cli/prng.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import { SEED } from '../../kernel/testing/chance.ts'
import { embeddedRows } from '../testing/embedded.ts'
import { flinkStage, type FlinkStage } from '../testing/flink.ts'
import { logged } from '../testing/logged.ts'
import { sorted, type StreamRows } from '../testing/oracle.ts'
import type { TimelineRecord } from '../testing/crowd.ts'
import { deploy, stop } from './deployment.ts'
import { jobsAt } from './jobs.ts'

const { name, events, expected: answers } = realCase(SEED)
/** Of user_sessions over the whole file. */
const TAOBAO_SESSIONS = 13_725
const DOUBLE_CLICK_MS = 2_000
const RECOVERED_MS_MAX = 120_000
const folder = mkdtempSync(join(tmpdir(), 'flowguard-flink-'))
after(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const server of ['flink-jobmanager', 'flink-taskmanager', 'flink-gateway'] as const) await engine(server).start()
})

/** What the embedded operators make of the file as it is. */
const expectedRows = (stage: FlinkStage): StreamRows =>
  sorted(
    embeddedRows(
      logged(events, stage.topics).map((record, offset) => ({ ...record, offset, appendedAt: Date.now(), memo: null })),
      stage.topics,
      DOUBLE_CLICK_MS,
    ),
  )

test(`${name} (seed ${SEED}) shuffled within 8 s and 5% of it twice, while TaskManager and JobManager are killed and the job is stopped and resumed: the same rows`, async (t) => {
  await using stage = await flinkStage(join(folder, 'faults'), { parallelism: 2, copies: 3 })
  const expected = expectedRows(stage)
  const random = mulberry32(SEED)
  const records = logged(withRepeats(shuffled(events, 8_000, random), 0.05, random), stage.topics)
  const parts = inParts(records, 5)
  const first = await deploy(stage.options)
  assert.equal(first.from, null)
  await stage.append(parts[0] as TimelineRecord[])

  t.diagnostic('TaskManager killed')
  await hasWritten(stage, 1)
  await engine('flink-taskmanager').kill()
  await stage.append(parts[1] as TimelineRecord[])
  await engine('flink-taskmanager').start()
  await restarted(stage, first.job)

  t.diagnostic('stopped with a savepoint, and resumed')
  await assert.rejects(deploy(stage.options), (error) => error instanceof FlowGuardError && error.code === 'flink_running')
  const { savepoint } = await stop(stage.options)
  await stage.append(parts[2] as TimelineRecord[])
  const second = await deploy(stage.options)
  assert.equal(second.from, savepoint)

  t.diagnostic('JobManager and TaskManager killed')
  await stage.append(parts[3] as TimelineRecord[])
  await Promise.all([engine('flink-jobmanager').kill(), engine('flink-taskmanager').kill()])
  await Promise.all([engine('flink-jobmanager').start(), engine('flink-taskmanager').start()])
  const third = await deploy(stage.options)
  assert.match(third.from ?? '', new RegExp(`${second.job}/chk-\\d+$`))

  await stage.append(parts[4] as TimelineRecord[])
  assert.deepEqual(sorted(await stage.rowsLike(expected)), expected)
  // What a job that writes twice would still be about to write is committed by its end.
  await stop(stage.options)
  const rows = sorted(await stage.allRows())
  assert.deepEqual(rows, expected)
  assert.deepEqual([rows.attributed.length, rows.attributed.filter(({ click }) => click).length], [answers.orders, answers.attributed])
  if (name === 'the taobao file') assert.equal(rows.sessions.length, TAOBAO_SESSIONS)
  for (const { key, value, headers } of stage.written.found(ATTRIBUTED)) {
    const { user_id, event_id } = JSON.parse(value) as AttributedEvent
    assert.deepEqual([key, headers], [user_id, { traceparent: `00-${event_id}` }])
  }
})

function inParts<T>(all: readonly T[], count: number): T[][] {
  const size = Math.ceil(all.length / count)
  return Array.from({ length: count }, (_, at) => all.slice(at * size, (at + 1) * size))
}

async function hasWritten(stage: FlinkStage, rows: number): Promise<void> {
  await until(
    'the job has written rows',
    async () => (await stage.written.more()) >= 0 && stage.written.found(ATTRIBUTED).length >= rows,
    RECOVERED_MS_MAX,
  )
}

/** The job runs again, from a checkpoint. */
async function restarted({ options }: FlinkStage, job: string): Promise<void> {
  const jobs = jobsAt(options.jobsUrl)
  await until(
    'the job was restarted',
    async () => {
      const { counts, latest } = await jobs.checkpoints(job)
      const { state } = (await jobs.all()).find(({ jid }) => jid === job) ?? {}
      return state === 'RUNNING' && counts.restored > 0 && (latest.completed?.id ?? 0) > 0
    },
    RECOVERED_MS_MAX,
  )
}
