import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCode } from './kernel/errors.ts'
import { askInThreads } from './ops-threads.ts'
import { openMachine, temporaryFolder, TOPIC_SPECS } from './ops/fixture.ts'

test('questions are answered by threads, more of them than there are threads, and errors keep their codes', async () => {
  using folder = temporaryFolder()
  const stop = new AbortController()
  const ask = askInThreads({ dataDir: folder.path, topics: TOPIC_SPECS }, stop.signal)
  await assert.rejects(ask('audit'), (error) => hasCode(error, 'store_missing'))
  await using machine = openMachine(folder.path)
  await machine.click({ id: 'a', at: 0 })
  const [first, ...traces] = await Promise.all([ask('audit'), ...['a', 'b', 'a', 'b'].map((id) => ask('trace', id))])
  assert.equal(first.balanced, true)
  assert.deepEqual(
    traces.map(({ found }) => found),
    [true, false, true, false],
  )
  const pending = ask('audit')
  stop.abort()
  await assert.rejects(pending, (error) => hasCode(error, 'part_failed'))
})

test('a question that comes while an idle thread ends is answered by another', async (t) => {
  using folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await machine.click({ id: 'a', at: 0 })
  const stop = new AbortController()
  const ask = askInThreads({ dataDir: folder.path, topics: TOPIC_SPECS }, stop.signal)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (let n = 0; n < 3; n += 1) {
    assert.equal((await ask('trace', 'a')).found, true)
    t.mock.timers.tick(15_000)
  }
  stop.abort()
})
