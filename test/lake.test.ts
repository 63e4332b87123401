import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mulberry32 } from '../packages/pipeline/src/cli/prng.ts'
import { answersOf, assertBalanced, assertInLake, expectedAnswers, SMALL_BATCHES } from './support/answers.ts'
import { madeUpEvents, writeAds, writeEvents } from './support/files.ts'
import { startMachine } from './support/machine.ts'

const events = madeUpEvents(3_000, mulberry32(31))
const expected = expectedAnswers(events)

test('a lake replayed into an empty system comes to the same, and into its own counts nothing twice', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-lake-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = { ADS_FILE: writeAds(folder, events), ...SMALL_BATCHES, LAKE_URL: `file:${join(folder, 'lake')}` }
  await using first = await startMachine({ env })
  const sent = await first.cli('replay', writeEvents(folder, 'events.ndjson', events), '--drain')
  assert.equal(sent.code, 0, sent.stderr)
  await assertInLake(first)

  await using second = await startMachine({ env: { ...env, LAKE_URL: 'off' } })
  const replay = await second.cli('replay', env.LAKE_URL, '--drain', '--json')
  assert.equal(replay.code, 0, replay.stderr)
  const { accepted, rejected } = JSON.parse(replay.stdout) as Record<string, number>
  assert.deepEqual({ accepted, rejected }, { accepted: events.length, rejected: 0 })
  assert.deepEqual(await answersOf(second.dataDir), expected)
  await assertBalanced(second.dataDir)

  await first.start('pipeline')
  const again = await first.cli('replay', 'lake', '--late', '--drain', '--json')
  assert.equal(again.code, 0, again.stderr)
  const orders = events.filter(({ event_type: type }) => type === 'order').length
  const counts = JSON.parse(again.stdout) as Record<string, number>
  assert.deepEqual({ duplicate: counts['duplicate'], rejected: counts['rejected'] }, { duplicate: orders, rejected: 0 })
  assert.deepEqual(await answersOf(first.dataDir), expected)
  await assertBalanced(first.dataDir)
  const dead = await first.cli('dead', '--json')
  assert.doesNotMatch(dead.stdout, /id_conflict/)

  const days = [...new Set(events.map(({ timestamp }) => timestamp.slice(0, 10)))].sort()
  const day = days[0] as string
  const some = await second.cli(
    'replay',
    env.LAKE_URL,
    '--from',
    day,
    '--to',
    day,
    '--topic',
    'raw.orders.v1',
    '--late',
    '--dry-run',
    '--json',
  )
  const ofDay = events.filter(({ event_type: type, timestamp }) => type === 'order' && timestamp.startsWith(day)).length
  assert.equal((JSON.parse(some.stdout) as { events: number }).events, ofDay, some.stderr)
})
