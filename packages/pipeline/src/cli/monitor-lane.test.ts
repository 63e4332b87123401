import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../reader/testing/fixture.ts'
import { general, processing, sqliteMachine } from '../workers/testing/fixture.ts'
import { start } from './testing/run.ts'

test('monitor: what became of general events, by whom, as it happens', async () => {
  await using machine = await sqliteMachine()
  const { apply } = await processing(machine)
  await apply(general({ event_id: 'early', user_id: 'u0' }))
  const args = ['monitor', '--topic', 'raw.events.v1', '--data-dir', machine.folder]
  const all = start([...args, '--from-start'])
  const failed = start([...args, '--type', 'failed', '--json'])
  const users = start([...args, '--user', 'u1'])
  await eventually(() => all.text.stdout.includes('early'), 'what was there is shown')
  await apply(
    general({ event_id: 'bought', event_type: 'purchase', user_id: 'u1', properties: { amount: 2_000 } }),
    general({ event_id: 'unpaid', event_type: 'purchase', user_id: 'u2' }),
  )
  await eventually(
    () => all.text.stdout.includes('unpaid') && failed.text.stdout !== '' && users.text.stdout.includes('bought'),
    'what came then is shown',
  )
  for (const each of [all, failed, users]) each.interrupt()
  assert.equal((await all.done).code, 130)
  await Promise.all([failed.done, users.done])
  assert.match(all.text.stdout, /w1 +processed +purchase {2}user u1 {2}high_value {2}bought\n/)
  assert.match(all.text.stdout, /w1 +failed +purchase {2}user u2 {2}\/properties\/amount must be a positive number {2}unpaid\n/)
  const row = JSON.parse(failed.text.stdout) as Record<string, unknown>
  assert.deepEqual(
    [row['type'], row['event_id'], row['by'], row['error']],
    ['failed', 'unpaid', 'w1', '/properties/amount must be a positive number'],
  )
  assert.ok(!users.text.stdout.includes('u2'))
})
