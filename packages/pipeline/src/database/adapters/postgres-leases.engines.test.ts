import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { underLease } from '../../kernel/lease.ts'
import { aborted } from '../../kernel/lifecycle.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { testDatabase } from '../testing/postgres.ts'
import { isDiskStoreOf, openPostgresLeases } from './postgres-leases.ts'

const LEASE_MS = 1_500
/** Longer than any test waits. */
const LONG_MS = 60_000

test('a lease is its owner’s until it lapses or is given up; its epoch rises with each owner', async () => {
  await using store = await testDatabase()
  const postgres = store.connect()
  const [first, second] = await Promise.all(['a', 'b'].map((owner) => openPostgresLeases({ postgres, owner })))
  assert.ok(first && second)
  assert.equal(await first.acquire('relay', LONG_MS), 1)
  assert.equal(await first.acquire('relay', LONG_MS), 1)
  assert.equal(await second.acquire('relay', LONG_MS), undefined)
  assert.equal(await second.acquire('stream', LONG_MS), 1)
  await second.release('relay')
  assert.equal(await second.acquire('relay', LONG_MS), undefined)
  await first.release('relay')
  assert.equal(await second.acquire('relay', 0), 2)
  assert.equal(await first.acquire('relay', 0), 3)
  assert.equal(await first.acquire('relay', LONG_MS), 4, 'it had lapsed')
})

test('of the stores on disks that bear one name, the first belongs to the tables', async () => {
  await using store = await testDatabase()
  const postgres = store.connect()
  const found = await Promise.all(['a', 'b', 'c'].map((id) => isDiskStoreOf(postgres, 'pipeline.db', id)))
  assert.equal(found.filter(Boolean).length, 1)
  const first = ['a', 'b', 'c'][found.indexOf(true)] as string
  assert.ok(await isDiskStoreOf(postgres, 'pipeline.db', first))
  assert.ok(await isDiskStoreOf(postgres, 'another.db', 'x'))
})

test('of many that ask at once one gets it', async () => {
  await using store = await testDatabase()
  const postgres = store.connect()
  const many = await Promise.all(Array.from({ length: 20 }, (_, at) => openPostgresLeases({ postgres, owner: `owner ${at}` })))
  for (let round = 0; round < 5; round += 1) {
    const epochs = await Promise.all(many.map((leases) => leases.acquire(`lease ${round}`, LONG_MS)))
    assert.deepEqual(
      epochs.filter((epoch) => epoch !== undefined),
      [1],
    )
  }
})

test('of an owner that is killed another takes over once the lease has lapsed; of one that stops, at once', async () => {
  await using store = await testDatabase()
  const modules = {
    lease: '../../kernel/lease.ts',
    postgres: '../../kernel/postgres.ts',
    leases: './postgres-leases.ts',
    logging: '../../kernel/logging.ts',
  }
  const url = (name: keyof typeof modules) => JSON.stringify(new URL(modules[name], import.meta.url).href)
  const script = `
    import { underLease } from ${url('lease')}
    import { openPostgres } from ${url('postgres')}
    import { openPostgresLeases } from ${url('leases')}
    import { silentLogger } from ${url('logging')}
    const leases = await openPostgresLeases({ postgres: openPostgres({ url: ${JSON.stringify(store.url)} }), owner: 'child' })
    await underLease(leases, 'relay', (signal, epoch) => {
      process.stdout.write(String(epoch))
      return new Promise(() => setInterval(() => undefined, 1_000))
    }, { logger: silentLogger, leaseMs: ${LEASE_MS} })(new AbortController().signal)`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [epoch] = (await once(child.stdout, 'data')) as [Buffer]
  assert.equal(String(epoch), '1')

  const postgres = store.connect()
  const begun: string[] = []
  const waiting = { first: Promise.withResolvers<void>(), second: Promise.withResolvers<void>() }
  const start = async (owner: 'first' | 'second') => {
    const stop = new AbortController()
    const leases = await openPostgresLeases({ postgres, owner })
    const part = async (signal: AbortSignal, held: number) => {
      begun.push(`${owner} ${held}`)
      waiting[owner].resolve()
      await aborted(signal)
    }
    const done = underLease(leases, 'relay', part, {
      logger: silentLogger,
      leaseMs: LEASE_MS,
      onStuck: () => assert.fail('it did stop'),
    })(stop.signal)
    return () => (stop.abort(), done)
  }
  const stopFirst = await start('first')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await waiting.first.promise
  const stopSecond = await start('second')
  await stopFirst()
  await waiting.second.promise
  await stopSecond()
  assert.deepEqual(begun, ['first 2', 'second 3'])
})
