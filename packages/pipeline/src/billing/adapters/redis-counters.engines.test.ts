import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ownRedis } from '../../../../../test/support/redis-server.ts'
import { hasCode } from '../../kernel/errors.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { openRedis } from '../../kernel/redis.ts'
import { compareCounters } from '../counter-check.ts'
import { counterShipper } from '../counter-shipper.ts'
import { noSums, plusText, type CounterStore } from '../counters.ts'
import { until } from '../testing/until.ts'
import { ads, charge, openedStore } from '../testing/view.ts'
import { openRedisCounters } from './redis-counters.ts'
import { redisBillingView } from './redis-view.ts'

const prefix = 'test:'
type Opened = ReturnType<typeof openedStore>

const isLevel = async ({ changes }: Opened, counters: CounterStore) => {
  const standing = await counters.standing().catch(() => undefined)
  return standing !== undefined && standing.epoch === changes.epoch() && standing.place === changes.latest()
}

/** That those on Redis are what the store holds. */
async function assertSame(store: Opened, counters: CounterStore): Promise<void> {
  await until(() => isLevel(store, counters))
  const compared = await compareCounters(counters, store.path)
  assert.deepEqual(compared?.differing, [])
  assert.ok(compared.compared > 0)
}

let written = 0
/** One transaction each, over some days, ads and items. */
function write(store: Opened, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const id = (written += 1)
    store.charge(charge(`e${id}`, `2026-01-${10 + (id % 7)}`, { adId: `ad ${id % 5}`, amount: id }))
    store.count(id % 3, '2026-01-31', { clicks: 1, impressions: 1, revenuePaise: id })
  }
}

function shipping(store: Opened, counters: CounterStore) {
  const { db, path } = store
  const stopping = new AbortController()
  const done = counterShipper({ db, path, counters, newEpoch: randomUUID, logger: silentLogger })(stopping.signal)
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await done
    },
  }
}

test('redis counters: whoever tells them is killed at every step, and each change is counted once', async () => {
  await using server = await ownRedis()
  using store = openedStore({ isTold: true })
  await using counters = openRedisCounters({ url: server.url, prefix })
  const child = async (crash: string) => {
    const script = join(import.meta.dirname, 'redis-counters.child.ts')
    const started = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, store.path, server.url, prefix], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, FLOWGUARD_CRASH: crash },
    })
    const closed = new Promise<string>((resolve) => started.once('close', (_code, signal) => resolve(String(signal))))
    return { started, closed }
  }
  for (const step of [
    'before-finish:1',
    'after-finish:1',
    'before-apply:1',
    'after-apply:1',
    'before-apply:2',
    'after-apply:2',
    'after-apply:3',
  ]) {
    write(store, 500)
    if (step.includes('finish')) store.changes.askForFilling()
    const { closed } = await child(`counters.${step}`)
    assert.equal(await closed, 'SIGKILL', step)
  }
  write(store, 100)
  const { started, closed } = await child('')
  await assertSame(store, counters)
  started.kill('SIGKILL')
  await closed
})

/** Passes on what is sent; every `nth` time it is cut off once the server has got it, before the answer. */
async function cuttingProxy(url: string, nth: number) {
  const sockets = new Set<Socket>()
  let [sent, cuts] = [0, 0]
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1')
    let isCut = false
    for (const each of [client, upstream]) {
      sockets.add(each)
      each.on('error', () => undefined)
      each.on('close', () => (client.destroy(), upstream.destroy()))
    }
    client.on('data', (bytes) => {
      upstream.write(bytes)
      sent += 1
      if (sent % nth === 0) isCut = true
    })
    upstream.on('data', (bytes) => {
      if (!isCut) return client.write(bytes)
      cuts += 1
      client.destroy()
      return upstream.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => cuts,
    async [Symbol.asyncDispose]() {
      for (const each of sockets) each.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('redis counters: the connection is cut after sending again and again, and each change is counted once', async () => {
  await using server = await ownRedis()
  await using proxy = await cuttingProxy(server.url, 13)
  using store = openedStore({ isTold: true })
  await using direct = openRedisCounters({ url: server.url, prefix })
  await using counters = openRedisCounters({ url: proxy.url, prefix })
  write(store, 100)
  await using _shipping = shipping(store, counters)
  while (proxy.cuts() < 8) {
    write(store, 20)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await assertSame(store, direct)
})

test('redis counters: the server is killed, put back from an older copy, emptied: the figures come back by themselves', async () => {
  await using server = await ownRedis()
  using store = openedStore({ isTold: true })
  await using counters = openRedisCounters({ url: server.url, prefix })
  await using _shipping = shipping(store, counters)
  write(store, 300)
  await assertSame(store, counters)
  await server.kill()
  write(store, 300)
  await server.start()
  await assertSame(store, counters)

  const admin = await openRedis(server.url)
  const names = await admin.keys(`${prefix}*`)
  const older = await Promise.all(names.map(async (name) => [name, await admin.dumpBuffer(name)] as const))
  // Further back than the changes that are kept.
  write(store, 400)
  await assertSame(store, counters)
  await admin.flushall()
  for (const [name, bytes] of older) await admin.restore(name, 0, bytes)
  await assertSame(store, counters)

  await admin.flushall()
  write(store, 50)
  await assertSame(store, counters)
  // What is no number cannot be added to.
  const [set = ''] = await admin.keys(`${prefix}*set:items*`)
  await admin.call('HSET', set, 'clicks:1', 'rubbish')
  write(store, 5)
  await assertSame(store, counters)
  // Nothing is left of what they were before.
  const { epoch = '' } = (await counters.standing()) ?? {}
  const left = await admin.keys(`${prefix}*`)
  assert.deepEqual(
    left.filter((name) => name !== `${prefix}counters:epoch` && !name.startsWith(`${prefix}counters:${epoch}:`)),
    [],
  )
  admin.disconnect()
})

test('redis counters: a server that is full refuses what they grow by, keeps those that are there, and goes on once it has room', async () => {
  await using server = await ownRedis()
  using store = openedStore({ isTold: true })
  await using counters = openRedisCounters({ url: server.url, prefix })
  write(store, 50)
  {
    await using _shipping = shipping(store, counters)
    await assertSame(store, counters)
  }
  const standing = (await counters.standing())!
  const admin = await openRedis(server.url)
  await admin.config('SET', 'maxmemory', '1mb')
  // Of items alone: no day of charges is written before them.
  store.count(1, '2026-01-31', { clicks: 1, impressions: 1 })
  const [row] = store.changes.after(standing.place, 1)
  const sums = noSums()
  plusText(sums, row?.sums ?? '')
  await assert.rejects(counters.apply({ ...standing, to: standing.place + 1, sums, asOf: undefined }), (error) =>
    hasCode(error, 'memory_full'),
  )
  assert.deepEqual(await counters.standing(), standing)
  await admin.config('SET', 'maxmemory', '0')
  await using _shipping = shipping(store, counters)
  await assertSame(store, counters)
  assert.equal((await counters.standing())?.epoch, standing.epoch)
  admin.disconnect()
})

test('redis counters: filled anew while events go on, and whoever looks sees all or is told that they are being filled', async () => {
  await using server = await ownRedis()
  using store = openedStore({ isTold: true })
  await using counters = openRedisCounters({ url: server.url, prefix })
  using view = redisBillingView({ url: server.url, prefix, ads, events: () => Promise.reject(new Error('not asked')) })
  write(store, 300)
  await using _shipping = shipping(store, counters)
  await until(() => isLevel(store, counters))
  const admin = await openRedis(server.url)
  const count = () => store.db.prepare('select sum(clicks) as clicks from item_counters').get() as { clicks: number }
  let [seen, looks, refusals, isOver] = [0, 0, 0, false]
  const looking = (async () => {
    while (!isOver) {
      try {
        const days = await Promise.all([0, 1, 2].map((item) => view.itemDay(item, '2026-01-31')))
        for (const { impressions, clicks } of days) assert.equal(clicks, impressions)
        const clicks = days.reduce((sum, day) => sum + day.clicks, 0)
        assert.ok(clicks >= seen, `${clicks} after ${seen}`)
        seen = clicks
        looks += 1
      } catch (error) {
        if (!hasCode(error, 'counters_unavailable')) throw error
        refusals += 1
      }
    }
  })()
  for (let round = 0; round < 6; round += 1) {
    const epoch = store.changes.epoch()
    // Asked for, and lost.
    if (round % 2 === 0) store.changes.askForFilling()
    else await admin.flushall()
    await until(() => {
      write(store, 3)
      return store.changes.epoch() !== undefined && store.changes.epoch() !== epoch
    })
  }
  await until(() => isLevel(store, counters))
  await until(() => seen === count().clicks)
  isOver = true
  await looking
  assert.ok(looks > 20 && refusals > 0, `${looks} looks, ${refusals} refusals`)
  await assertSame(store, counters)
  admin.disconnect()
})

test("redis counters: those of another store are not taken for one's own, nor those that were left behind for a while", async () => {
  await using server = await ownRedis()
  await using counters = openRedisCounters({ url: server.url, prefix })
  {
    using other = openedStore({ isTold: true })
    await using _shipping = shipping(other, counters)
    write(other, 50)
    await assertSame(other, counters)
  }
  using store = openedStore({ isTold: true })
  write(store, 60)
  {
    await using _shipping = shipping(store, counters)
    await assertSame(store, counters)
  }
  // Kept in the store alone for a while: no changes are written, and it is told so at the start.
  store.changes.forget()
  store.db.exec("update item_counters set clicks = clicks + 1 where item_id = 1 and day = '2026-01-31'")
  {
    await using _shipping = shipping(store, counters)
    await assertSame(store, counters)
  }
})

test('redis counters: two that tell them at once tell each change once, and a step that is sent again does nothing', async () => {
  await using server = await ownRedis()
  await using counters = openRedisCounters({ url: server.url, prefix })
  await using others = openRedisCounters({ url: server.url, prefix })
  using store = openedStore({ isTold: true })
  write(store, 100)
  {
    await using _one = shipping(store, counters)
    await using _other = shipping(store, others)
    for (let round = 0; round < 40; round += 1) {
      write(store, 30)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await assertSame(store, counters)
  }
  const standing = (await counters.standing())!
  write(store, 1)
  const [row] = store.changes.after(standing.place, 1)
  const sums = noSums()
  plusText(sums, row?.sums ?? '')
  const step = { ...standing, to: standing.place + 1, sums, asOf: undefined }
  assert.deepEqual([await counters.apply(step), await counters.apply(step)], [true, false])
  assert.equal(await counters.apply({ ...step, place: standing.place + 1, epoch: 'another' }), false)
})
