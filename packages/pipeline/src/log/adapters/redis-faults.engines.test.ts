import assert from 'node:assert/strict'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { hostname } from 'node:os'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { CLICKS } from '@flowguard/contract'
import { pino } from 'pino'
import { ownRedis, SAFE } from '../../../../../test/support/redis-server.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { silentLogger, type Logger } from '../../kernel/logging.ts'
import { openRedis, REDIS_PREFIX } from '../../kernel/redis.ts'
import type { EventLog } from '../event-log.ts'
import { ALERTS, FEW, numbered, readAll, record, start, TEST_TOPICS, values } from '../testing/records.ts'
import { openRedisLog } from './redis.ts'

const WAIT_MS_MAX = 20_000
const everything = { appendedBefore: Infinity, readBefore: new Map([[0, Number.MAX_SAFE_INTEGER]]) }
const stream = `${REDIS_PREFIX}log:${ALERTS}:0`

const opened = (url: string, logger: Logger = silentLogger) =>
  openRedisLog({ url, prefix: REDIS_PREFIX, topics: TEST_TOPICS, clock: Date.now, logger })

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + WAIT_MS_MAX; !(await isSo());) {
    assert.ok(performance.now() < deadline, 'it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const succeeds = (work: () => Promise<unknown>) =>
  work().then(
    () => true,
    () => false,
  )

test('redis: killed at any moment, everything acknowledged is there exactly once, and it goes on by itself', async () => {
  await using server = await ownRedis()
  await using log = await opened(server.url)
  const acknowledged: string[] = []
  let call = 0
  for (let run = 0; run < 5; run += 1) {
    let failure: unknown
    const flood = async () => {
      while (failure === undefined) {
        const records = Array.from({ length: 3 }, () => record('u', `${(call += 1)}`))
        await log.append(ALERTS, records).then(
          () => acknowledged.push(...records.map(({ value }) => value as string)),
          (error: unknown) => (failure = error),
        )
      }
    }
    const floods = [flood(), flood(), flood()]
    const before = acknowledged.length
    await until(async () => acknowledged.length > before + 100 + 50 * run)
    await server.kill()
    await Promise.all(floods)
    assert.ok(hasCode(failure, 'log_unavailable'), String(failure))
    await assert.rejects(log.read(start(ALERTS), FEW), (error) => hasCode(error, 'log_unavailable'))
    await server.start()
    await until(() => succeeds(() => log.append(ALERTS, [record('u', `after ${run}`)])))
  }
  // Who reads has a connection of its own.
  await until(() => succeeds(() => log.read(start(ALERTS), FEW)))
  const records = await readAll(log, ALERTS)
  const there = new Set(values(records))
  assert.equal(there.size, records.length)
  assert.deepEqual(
    acknowledged.filter((value) => !there.has(value)),
    [],
  )
})

test('redis: a server that is full refuses what is appended, gives what is there, and goes on once it has room', async () => {
  await using server = await ownRedis()
  await using log = await opened(server.url)
  const admin = await openRedis(server.url)
  await log.append(ALERTS, [record('u', 'before')])
  await admin.config('SET', 'maxmemory', '1mb')
  for (let tries = 0; tries < 2; tries += 1) {
    await assert.rejects(
      log.append(ALERTS, [record('u', 'refused')]),
      (error) => error instanceof FlowGuardError && error.code === 'memory_full' && error.retriable,
    )
  }
  assert.deepEqual(values(await readAll(log, ALERTS)), ['before'])
  await admin.config('SET', 'maxmemory', '0')
  assert.deepEqual(await log.append(ALERTS, [record('u', 'after')]), [{ topic: ALERTS, partition: 0, offset: 1 }])
  admin.disconnect()
})

test('redis: an emptied server is another log: whoever knew the old one stops, its writer too, even once somebody has made a new one', async () => {
  await using server = await ownRedis()
  await using log = await opened(server.url)
  await log.append(ALERTS, numbered(5))
  const waiting = log.read([{ topic: ALERTS, partition: 0, next: 5 }], { countMax: 10, waitMs: 500 })
  const admin = await openRedis(server.url)
  await admin.flushall()
  const isReplaced = (error: unknown) => hasCode(error, 'log_replaced')
  await assert.rejects(waiting, isReplaced)
  const refuses = async (old: EventLog) => {
    await assert.rejects(old.append(ALERTS, numbered(1)), isReplaced)
    await assert.rejects(old.read(start(ALERTS), FEW), isReplaced)
    await assert.rejects(old.ends(ALERTS), isReplaced)
  }
  await refuses(log)
  assert.equal(await admin.exists(stream), 0)
  await using anew = await opened(server.url)
  assert.notEqual(anew.id, log.id)
  await anew.append(ALERTS, numbered(3))
  await refuses(log)
  await assert.rejects(log.trim(ALERTS, everything), isReplaced)
  assert.equal((await readAll(anew, ALERTS)).length, 3)
  admin.disconnect()
})

test('redis: what somebody else does to a stream is said, and nothing is written beside it', async () => {
  const DAMAGES: [string, (string | number)[], RegExp][] = [
    ['an entry of its own', ['XADD', stream, '*', 'a', 'b'], /ends with entry \d+-0, and should with 10-0/],
    ['the newest gone', ['XDEL', stream, '10-0'], /ends with entry 9-0, and should with 10-0/],
    ['all gone', ['DEL', stream], /ends with entry 0-0, and should with 10-0/],
  ]
  await using server = await ownRedis()
  const admin = await openRedis(server.url)
  for (const [what, command, told] of DAMAGES) {
    await admin.flushall()
    await using log = await opened(server.url)
    await log.append(ALERTS, numbered(10))
    await admin.call(...(command as [string, ...string[]]))
    const both = [record('u', 'here', { partition: 0 })]
    await assert.rejects(log.append(ALERTS, both), (error) => hasCode(error, 'store_corrupt') && told.test(String(error)), what)
    // A call to several streams leaves nothing in any of them.
    await Promise.allSettled([log.append(CLICKS, numbered(20)), log.append(ALERTS, both)])
    assert.deepEqual(
      (await log.ends(CLICKS)).map(({ end }) => end),
      [0, 0, 0, 0, 0, 0],
      what,
    )
  }
  await admin.flushall()
  await using log = await opened(server.url)
  await log.append(ALERTS, numbered(10))
  await admin.call('XDEL', stream, '5-0')
  await assert.rejects(log.read(start(ALERTS), FEW), (error) => hasCode(error, 'store_corrupt') && /lacks offset 4/.test(String(error)))
  assert.equal((await log.read(start(ALERTS), { countMax: 4, waitMs: 0 })).length, 4)
  await admin.call('XTRIM', stream, 'MAXLEN', '2')
  await assert.rejects(log.read(start(ALERTS), FEW), (error) => hasCode(error, 'log_expired'))
  admin.disconnect()
})

test('redis: several writers give every offset once', async () => {
  await using server = await ownRedis()
  const logs = await Promise.all([opened(server.url), opened(server.url), opened(server.url)])
  const positions = await Promise.all(
    logs.flatMap((log, writer) => Array.from({ length: 30 }, (_, n) => log.append(ALERTS, numbered(1 + (n % 4), `${writer}/${n}/`)))),
  )
  const offsets = positions.flat().map(({ offset }) => offset)
  assert.deepEqual(
    offsets.sort((a, b) => a - b),
    Array.from({ length: offsets.length }, (_, at) => at),
  )
  assert.equal((await readAll(logs[0], ALERTS)).length, offsets.length)
  for (const each of logs) await each[Symbol.asyncDispose]()
})

test("redis: its own tools see the readers, who reads and how far behind, and a reader's mark moves nothing", async () => {
  await using server = await ownRedis()
  const log = await opened(server.url)
  await log.append(ALERTS, numbered(10))
  log.noteRead?.('workers', [{ topic: ALERTS, partition: 0, next: 3 }])
  log.noteRead?.('workers', [{ topic: ALERTS, partition: 0, next: 7 }])
  log.noteRead?.('other', [{ topic: ALERTS, partition: 0, next: 0 }])
  await log[Symbol.asyncDispose]()
  const admin = await openRedis(server.url)
  const groups = async () => {
    const found = (await admin.call('XINFO', 'GROUPS', stream)) as (string | number)[][]
    return found.map((each) => Object.fromEntries(each.flatMap((name, at) => (at % 2 === 0 ? [[name, each[at + 1]]] : []))))
  }
  const figures = (await groups()).map(({ name, lag, pending, consumers }) => [name, lag, pending, consumers])
  assert.deepEqual(figures, [
    ['other', 10, 0, 1],
    ['workers', 3, 0, 1],
  ])
  const consumers = JSON.stringify(await admin.call('XINFO', 'CONSUMERS', stream, 'workers'))
  assert.ok(consumers.includes(hostname()), consumers)

  await using again = await opened(server.url)
  assert.equal(await again.trim(ALERTS, { ...everything, readBefore: new Map([[0, 7]]) }), 7)
  again.noteRead?.('workers', [{ topic: ALERTS, partition: 0, next: 8 }])
  await until(async () => (await groups())[1]?.['lag'] === 2)
  admin.disconnect()
})

/** What a logger was warned of. */
function listening() {
  const lines: string[] = []
  const sink = new Writable({ write: (chunk, _encoding, done) => (lines.push((JSON.parse(String(chunk)) as { msg: string }).msg), done()) })
  return { lines, logger: pino({ level: 'warn' }, sink) }
}

test('redis: settings that may lose events are named at start, and safe ones are not', async () => {
  const told = async (settings: readonly string[]) => {
    await using server = await ownRedis(settings)
    const { lines, logger } = listening()
    await using _log = await opened(server.url, logger)
    return lines
  }
  assert.deepEqual(await told(SAFE), [])
  const lax = await told(['--appendonly', 'yes', '--appendfsync', 'no', '--maxmemory-policy', 'allkeys-lru'])
  assert.match(lax[0] ?? '', /maxmemory-policy allkeys-lru: .*deletes accepted events/)
  const off = await told(['--appendonly', 'no'])
  assert.match(off.join('\n'), /appendonly no: what was accepted since its last snapshot is lost/)
})

/** The server at `url` as one of version 7.2 answers that keeps no file: it cannot be had everywhere. */
async function newerWithoutFile(url: string) {
  const REFUSAL = '-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n'
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1')
    for (const each of [client, upstream]) {
      sockets.add(each)
      each.on('error', () => undefined)
      each.on('close', () => (client.destroy(), upstream.destroy()))
    }
    // Asked alone, after what was written has been answered.
    client.on('data', (bytes) => (bytes.includes('WAITAOF') ? client.write(REFUSAL) : upstream.write(bytes)))
    upstream.on('data', (bytes) =>
      client.write(Buffer.from(bytes.toString('latin1').replace('redis_version:7.0', 'redis_version:7.2'), 'latin1')),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const each of sockets) each.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('redis: whose settings cannot be read and which keeps no file says so at start, and takes each record once', async () => {
  await using server = await ownRedis(['--appendonly', 'no', '--rename-command', 'CONFIG', ''])
  await using newer = await newerWithoutFile(server.url)
  const { lines, logger } = listening()
  await using log = await opened(newer.url, logger)
  assert.match(lines.join('\n'), /settings be read \(CONFIG GET\)[^]*appendonly no: what was accepted since/)
  await log.append(ALERTS, [record('u', 'once')])
  assert.deepEqual(values(await readAll(log, ALERTS)), ['once'])
})

test('redis: where nobody answers it says so at once, and where a password is wanted, that', async () => {
  await assert.rejects(opened('redis://127.0.0.1:1'), (error) => hasCode(error, 'log_unavailable'))
  await using server = await ownRedis()
  const admin = await openRedis(server.url)
  await admin.config('SET', 'requirepass', 'secret')
  admin.disconnect()
  await assert.rejects(
    opened(server.url.replace('//', '//:wrong@')),
    (error) => hasCode(error, 'settings_invalid') && !String(error).includes('wrong'),
  )
})
