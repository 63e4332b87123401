import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { lockFolder } from '../kernel/lock.ts'
import { openMachine, smallDay, temporaryFolder, type TestMachine } from '../ops/fixture.ts'
import { fakeGateway } from './testing/gateway.ts'
import { run, start, type Running } from './testing/run.ts'

const WAIT_MS_MAX = 20_000

/** A folder with one event of every outcome in it: everything here only looks. */
let folder: ReturnType<typeof temporaryFolder>
let machine: TestMachine
before(async () => {
  folder = temporaryFolder()
  machine = openMachine(folder.path)
  await smallDay(machine)
})
after(async () => {
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const look = (...args: string[]) => run([...args, '--data-dir', folder.path])
const lookJson = async <T>(...args: string[]) => JSON.parse((await look(...args, '--json')).stdout) as T

/** Waits until it has said enough, then interrupts it. */
async function watch(running: Running, isEnough: (stdout: string) => boolean) {
  const deadline = performance.now() + WAIT_MS_MAX
  while (!isEnough(running.text.stdout)) {
    assert.ok(performance.now() < deadline, `not in time: ${running.text.stdout}${running.text.stderr}`)
    await wait(5)
  }
  running.interrupt()
  return running.done
}

test('topics: all of them, or one by its partitions', async () => {
  const all = await look('topics')
  assert.match(all.stdout, /raw\.clicks\.v1 +6 +\d+/)
  assert.match(all.stdout, /dead\.v1 +3 +2 /)
  const [orders] = await lookJson<{ topic: string; partitions: unknown[] }[]>('topics', 'raw.orders.v1')
  assert.equal(orders?.partitions.length, 3)
  assert.equal((await look('topics', 'raw.orders.v1')).stdout.match(/raw\.orders\.v1-\d/g)?.length, 3)
  assert.equal((await look('topics', 'raw.parcels.v1')).code, 2)
  assert.match(all.stderr, /Heartbeats.* are records too/)
  assert.equal((await look('topics', 'dead.v1')).stderr, '')
})

test('groups: every reader with its lag and its books, or one by its partitions', async () => {
  const all = await look('groups')
  assert.match(all.stdout, /stream +0 +level/)
  assert.match(all.stdout, /of these heartbeats\n/)
  assert.match(all.stdout, /watermark +2026-03-01/)
  const { readers } = await lookJson<{ readers: { name: string }[] }>('groups', 'billing')
  assert.deepEqual(
    readers.map(({ name }) => name),
    ['billing'],
  )
  assert.equal((await look('groups', 'nobody')).code, 2)
})

test('trace: an event’s whole way, by its id or its order’s; 1 where there is none', async () => {
  const { code, stdout } = await look('trace', 'order-paid')
  assert.equal(code, 0)
  assert.match(stdout, /order order-paid +user u1, order order-of-order-paid/)
  assert.match(stdout, /gateway +received[^]*log +in raw\.orders\.v1[^]*stream +has read[^]*→ attributed to click click-double/)
  assert.equal((await look('trace', 'order-of-order-paid')).stdout, stdout)
  const none = await look('trace', 'nobody-knows\u001b[2J')
  assert.equal(none.code, 1)
  assert.match(none.stderr, /No event or order nobody-knows\./)
  assert.equal((await lookJson<{ found: boolean }>('trace', 'nobody-knows')).found, false)
})

test('audit: each line of the books, and 0 while they balance', async () => {
  const { code, stdout } = await look('audit')
  assert.equal(code, 0)
  assert.match(stdout, /✓ ledger = counters/)
  assert.match(stdout, /The books balance/)
  assert.equal((await lookJson<{ balanced: boolean }>('audit')).balanced, true)
})

test('audit: 1 and the offender where they do not', async () => {
  const { db } = machine.pipeline
  db.exec(`update ad_counters set count = count + 1 where kind = 'cpc'`)
  try {
    const { code, stdout } = await look('audit')
    assert.equal(code, 1)
    assert.match(stdout, /✗ ledger = counters[^]*cpc-1[^]*The books do not balance/)
  } finally {
    db.exec(`update ad_counters set count = count - 1 where kind = 'cpc'`)
  }
})

test('dead: the list by reason, and one letter with its bytes', async () => {
  const list = await look('dead', 'list')
  assert.match(list.stdout, /invalid_event +billing +1 +1/)
  const { letters } = await lookJson<{ letters: { dead_id: string }[] }>('dead', 'list', '--reader', 'stream')
  assert.equal(letters.length, 1)
  const shown = await look('dead', 'show', letters[0]?.dead_id ?? '')
  assert.equal(shown.code, 0)
  assert.match(shown.stdout, /"event_type": "nonsense"/)
  assert.equal((await look('dead', 'show', 'stream/none')).code, 1)
  assert.match((await look('dead', 'list', '--reason', 'id_conflict')).stderr, /No dead letter fits/)
})

test('dead: retry and drop ask the operations API, and say what became of each', async () => {
  await using ops = await fakeGateway()
  const failed = [{ dead_id: 'stream/x', detail: 'cannot be sent again' }]
  ops.told = (url) => ({ body: url.endsWith('retry') ? { letters: 2, records: 1, failed: [] } : { letters: 1, records: 1, failed } })
  const options = ['--ops-url', ops.url]
  const retried = await run(['dead', 'retry', 'stream/raw.clicks.v1-0-1', '--note', 'fixed', ...options], { env: { WRITE_KEY: 'k' } })
  assert.deepEqual([retried.code, retried.stdout], [0, '1 record sent again, of 2 letters.\n'])
  assert.deepEqual(JSON.parse(ops.requests[0]?.body ?? ''), { dead_id: 'stream/raw.clicks.v1-0-1', note: 'fixed' })
  assert.equal(ops.requests[0]?.headers.authorization, 'Bearer k')
  assert.equal((await run(['dead', 'drop', '--all', ...options])).code, 2)
  const dropped = await run(['dead', 'drop', '--all', '--note', 'a test of theirs', ...options])
  assert.equal(dropped.code, 1)
  assert.match(dropped.stdout, /not stream\/x: cannot be sent again/)
  assert.equal((await run(['dead', 'drop', '--note', 'why', ...options])).code, 2)
  assert.equal(ops.requests.length, 2)
  ops.told = () => ({ body: { letters: 0, records: 0, failed: [] } })
  const unknown = await run(['dead', 'retry', 'nope', ...options])
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'There is no dead letter nope that waits: npx flowguard dead list\n'])
})

test('dead: many letters go round by round; what is left is said where it ends early', async () => {
  await using ops = await fakeGateway()
  const options = ['--ops-url', ops.url]
  const failed = [{ dead_id: 'stream/x', detail: 'made here' }]
  const diedBy = '2026-03-01T12:00:00.000Z'
  const answers = [
    { letters: 200, records: 100, failed: [], left: 101, next_after: '0:7', died_by: diedBy },
    { letters: 100, records: 100, failed, left: 0, next_after: null, died_by: diedBy },
  ]
  ops.told = (_url, at) => ({ body: answers[at - 1] })
  const all = await run(['dead', 'retry', '--all', ...options])
  assert.deepEqual([all.code, all.stdout], [1, '200 records sent again, of 300 letters.\n  not stream/x: made here\n'])
  assert.deepEqual(
    ops.requests.map(({ body }) => JSON.parse(body) as unknown),
    [
      { all: true, limit: 100 },
      { all: true, limit: 100, after: '0:7', died_by: diedBy },
    ],
  )
  const stage = ops.requests.length
  ops.told = (_url, at) => (at === stage + 1 ? { body: answers[0] } : { status: 503, body: { detail: 'the gateway does not answer' } })
  const part = await run(['dead', 'retry', '--all', ...options])
  assert.equal(part.stdout, '100 records sent again, of 200 letters.\n')
  assert.match(part.stderr, /^101 letters left as they were[^]*the gateway does not answer/)
  assert.notEqual(part.code, 0)
})

test('dead: one letter is sent again as a file says, and what is wrong with it is told', async () => {
  await using ops = await fakeGateway()
  using edited = temporaryFolder()
  const file = join(edited.path, 'edited.json')
  writeFileSync(file, '{"event_type": "click"}\n')
  const options = ['--ops-url', ops.url]
  const id = 'stream/raw.clicks.v1-0-1'
  ops.told = () => ({ body: { letters: 2, records: 1, failed: [], sent_to: 'raw.clicks.v1-0@7' } })
  const done = await run(['dead', 'retry', id, '--file', file, ...options])
  assert.deepEqual([done.code, done.stdout], [0, '1 record sent again to raw.clicks.v1-0@7, of 2 letters.\n'])
  assert.deepEqual(JSON.parse(ops.requests[0]?.body ?? ''), { dead_id: id, value: '{"event_type": "click"}\n' })
  for (const words of [['--all'], [id, '--reason', 'id_conflict'], []])
    assert.equal((await run(['dead', 'retry', ...words, '--file', file, ...options])).code, 2)
  const missing = await run(['dead', 'retry', id, '--file', join(edited.path, 'none.json'), ...options])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /none\.json/)
  assert.equal(ops.requests.length, 1)
  const errors = [{ field: '/ts', message: 'is required' }]
  ops.told = () => ({ status: 422, body: { status: 422, code: 'invalid_event', detail: '/ts is required', errors } })
  const refused = await run(['dead', 'retry', id, '--file', file, ...options])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /\/ts is required/)
})

test('monitor: from the start, everything but heartbeats, a line an event', async () => {
  const { code, stdout } = await watch(
    start(['monitor', '--from-start', '--data-dir', folder.path]),
    (text) => text.includes('order-of-order-late') || text.includes('unattributed'),
  )
  assert.equal(code, 130)
  assert.match(stdout, /raw\.clicks\.v1-\d@\d+ +click +user u1 {2}item 1 {2}ad cpc-1/)
  assert.match(stdout, /raw\.orders\.v1-\d@\d+ +order +user u4 {2}item 1 .*₹249\.50 × 2/)
  assert.match(stdout, /cancelled/)
  assert.match(stdout, /bot/)
  assert.ok(!stdout.includes('heartbeat'))
})

test('monitor: filtered by type and user, as JSON', async () => {
  const args = ['monitor', '--from-start', '--type', 'attributed', 'click', '--user', 'u1', '--json', '--data-dir', folder.path]
  const { stdout } = await watch(start(args), (text) => text.includes('"attributed"'))
  const types = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; value: { user_id: string } })
  assert.ok(types.every(({ type, value }) => ['attributed', 'click'].includes(type) && value.user_id === 'u1'))
})

test('monitor: what is appended from now on, heartbeats where they are asked for', async () => {
  const running = start(['monitor', '--type', 'heartbeat', '--topic', 'raw.orders.v1', '--data-dir', folder.path])
  let at = 100_000
  const { stdout } = await watch(running, (text) => {
    if (text === '') void machine.heartbeat((at += 1))
    return text.split('\n').length > 3
  })
  assert.match(stdout, /raw\.orders\.v1-0@\d+ +heartbeat/)
  assert.ok(!stdout.includes('raw.clicks'))
})

test('monitor: says once that FlowGuard is stopped, and once that it is back', async () => {
  const running = start(['monitor', '--data-dir', folder.path])
  const count = (text: string) => running.text.stderr.split(text).length - 1
  const told = async (text: string) => {
    const deadline = performance.now() + WAIT_MS_MAX
    while (count(text) === 0) {
      assert.ok(performance.now() < deadline, running.text.stderr)
      await wait(5)
    }
  }
  await told('FlowGuard is stopped')
  {
    using _gateway = lockFolder(folder.path, 'gateway')
    await told('FlowGuard runs again')
  }
  running.interrupt()
  await running.done
  assert.deepEqual([count('FlowGuard is stopped'), count('FlowGuard runs again')], [1, 1])
})

test('monitor: waits for a log that is yet to be made', async () => {
  using empty = temporaryFolder()
  const running = start(['monitor', '--data-dir', empty.path])
  const deadline = performance.now() + WAIT_MS_MAX
  while (!running.text.stderr.includes('waiting for it')) {
    assert.ok(performance.now() < deadline)
    await wait(5)
  }
  await using late = openMachine(empty.path)
  await late.click({ id: 'first', at: 0 })
  await watch(running, (text) => text.includes('click'))
})
