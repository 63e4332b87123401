import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { writeEvents, madeUpEvents } from './support/files.ts'
import { startMachine, until, type Finished } from './support/machine.ts'
import { SEED } from '../packages/pipeline/src/kernel/testing/chance.ts'

const COUNT = 3_000
/** Beyond what any system gives a process. */
const PID_MAX = 2 ** 30

interface Told {
  equal: boolean
  records: number
  topics: { topic: string; live: number; equal: number }[]
}

test(`what is worked out again from the log and from the lake is what the stream has written (seed ${SEED})`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-stream-replay-'))
  await using machine = await startMachine({ env: { LAKE_ROWS: '500', LAKE_AGE_MS: '200', ETL: 'off' } })
  const events = madeUpEvents(COUNT, mulberry32(SEED))
  const sent = await machine.cli('replay', writeEvents(folder, 'events.ndjson', events), '--speed', 'max', '--drain')
  rmSync(folder, { recursive: true })
  assert.equal(sent.code, 0, sent.stderr)
  const stretch = ['--from', events[0]!.timestamp, '--to', events.at(-1)!.timestamp]
  const told = ({ code, stdout, stderr }: Finished): Told => {
    assert.equal(code, 0, `${stderr} ${stdout.slice(0, 2_000)}`)
    return JSON.parse(stdout) as Told
  }
  // Of one that was killed at it.
  mkdirSync(join(machine.dataDir, `recompute-${PID_MAX}-x`))
  const fromLog = told(await machine.cli('stream', 'replay', ...stretch, '--json'))
  assert.deepEqual(
    readdirSync(machine.dataDir).filter((name) => name.startsWith('recompute-')),
    [],
  )
  assert.ok(fromLog.equal && fromLog.records >= COUNT)
  for (const { topic, live, equal } of fromLog.topics) assert.ok(live > 20 && equal === live, `${topic}: ${equal} of ${live}`)
  const later = await machine.cli('stream', 'replay', '--from', '2100-01-01T00:00:00Z', '--to', '2100-01-02T00:00:00Z')
  assert.deepEqual([later.code, /has settled only/.test(later.stderr)], [2, true], later.stderr)
  await until('the lake has all orders and clicks', async () => {
    const { stdout } = await machine.cli('lake', '--json')
    const { days } = JSON.parse(stdout) as { days: { topic: string; rows: number }[] }
    return days.filter(({ topic }) => topic.startsWith('raw.')).reduce((sum, { rows }) => sum + rows, 0) >= COUNT
  })
  const fromLake = told(await machine.cli('stream', 'replay', ...stretch, '--source', 'lake', '--json'))
  for (const { topic, live, equal } of fromLake.topics) assert.ok(live > 0 && equal === live, `${topic}: ${equal} of ${live}`)
})

test('a stretch that is none, and a folder without a stream, are told', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'flowguard-stream-replay-'))
  await using machine = await startMachine({ idle: true, env: { DATA_DIR: empty } })
  const [from, to] = ['2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z']
  const backwards = await machine.cli('stream', 'replay', '--from', from, '--to', to)
  assert.deepEqual([backwards.code, /is not before --to/.test(backwards.stderr)], [2, true], backwards.stderr)
  const nothing = await machine.cli('stream', 'replay', '--from', to, '--to', from)
  assert.deepEqual([nothing.code, /no stores/.test(nothing.stderr)], [1, true], nothing.stderr)
  rmSync(empty, { recursive: true })
})
