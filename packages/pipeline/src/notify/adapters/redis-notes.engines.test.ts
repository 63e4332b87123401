import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { clearedRedis } from '../../../../../test/support/redis-server.ts'
import { until } from '../../billing/testing/until.ts'
import { hasCode } from '../../kernel/errors.ts'
import { silentLogger } from '../../kernel/logging.ts'
import type { NotesStore } from '../customers/store.ts'
import { notesConformance } from '../customers/notes.conformance.ts'
import { notesShipper } from '../customers/shipper.ts'
import { note, openedNotes } from '../customers/testing/notes.ts'
import { openRedisNotes, redisNotesView } from './redis-notes.ts'

const url = engineAddress('redis')

/** A pipeline's store whose notes are told a Redis. */
function told(prefix: string, wrap: (store: NotesStore) => NotesStore = (store) => store) {
  const local = openedNotes()
  const { path, table } = local
  const store = wrap(openRedisNotes({ url, prefix }))
  const stopping = new AbortController()
  const shipping = notesShipper({ path, table, store, newEpoch: randomUUID, logger: silentLogger })(stopping.signal)
  const isLevel = async () => {
    const standing = await store.standing()
    return standing !== undefined && standing.epoch === table.epoch() && table.after(standing.place, 1).length === 0
  }
  return {
    ...local,
    store,
    level: () => until(isLevel),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await shipping
      await store[Symbol.asyncDispose]()
      local[Symbol.dispose]()
      await clearedRedis(url, prefix)
    },
  }
}

notesConformance('redis', async () => {
  const prefix = `test-${randomUUID()}:`
  const at = told(prefix)
  const view = redisNotesView({ url, prefix })
  await at.level()
  return {
    view,
    async add(...notes) {
      const added = at.add(...notes)
      await at.level()
      return added
    },
    async [Symbol.asyncDispose]() {
      view[Symbol.dispose]()
      await at[Symbol.asyncDispose]()
    },
  }
})

test('after a FLUSHALL the notes are filled anew, and until then they are unavailable and not fewer', async () => {
  const prefix = `test-${randomUUID()}:`
  await using at = told(prefix)
  using view = redisNotesView({ url, prefix })
  const all = Array.from({ length: 1_300 }, (_, n) => note(`u${n % 40}`, n, n))
  at.add(...all)
  await at.level()
  const redis = new Redis(url)
  const before = await view.notes('u3', 0)
  assert.equal(before.length, 33)
  // As FLUSHALL leaves it, for this prefix: others share the server.
  await clearedRedis(url, prefix)
  let seen = 0
  await until(async () => {
    try {
      assert.deepEqual(await view.notes('u3', 0), before)
      seen += 1
    } catch (error) {
      if (!hasCode(error, 'counters_unavailable')) throw error
    }
    return seen > 2
  })
  at.add(note('u3', 'new', 5_000))
  await at.level()
  assert.equal((await view.notes('u3', 0))[0]?.orderId, 'o-new')
  redis.disconnect()
})

test('a step whose answer is lost is told again, and adds nothing twice; another store that fills the same Redis is found out', async () => {
  const prefix = `test-${randomUUID()}:`
  let applied = 0
  await using at = told(prefix, (store) => ({
    ...store,
    async apply(step) {
      const isApplied = await store.apply(step)
      applied += 1
      // Told, and nobody heard of it.
      return applied % 2 === 0 && isApplied
    },
  }))
  using view = redisNotesView({ url, prefix })
  for (let n = 0; n < 60; n += 1) at.add(note('u', n, n))
  await at.level()
  assert.deepEqual(
    (await view.notes('u', 0)).map(({ orderId }) => orderId),
    Array.from({ length: 50 }, (_, n) => `o-${59 - n}`),
  )
  const filling = await at.store.fill('stranger')
  await filling.put([{ seq: 1, userId: 'u', ts: 1, body: 'x' }])
  assert.equal(await filling.finish({ before: (await at.store.standing())?.epoch, place: 1 }), true)
  await until(async () => (await at.store.standing())?.epoch === at.table.epoch())
  await at.level()
  assert.equal((await view.notes('u', 0)).length, 50)
})

test('whoever tells them is killed at every step, and each note is there once', async () => {
  const prefix = `test-${randomUUID()}:`
  using local = openedNotes()
  using view = redisNotesView({ url, prefix })
  const script = join(import.meta.dirname, 'redis-notes.child.ts')
  const child = (crash: string) =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, local.path, url, prefix], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, FLOWGUARD_CRASH: crash },
    })
  let noted = 0
  const add = (count: number) => local.add(...Array.from({ length: count }, () => note(`u${noted % 40}`, noted, noted++)))
  const orders = async (user: string) => (await view.notes(user, 0)).map(({ orderId }) => orderId)
  async function killedAt(step: string) {
    add(600)
    const [, signal] = (await once(child(`notes.${step}`), 'close')) as [null, string]
    assert.equal(signal, 'SIGKILL', step)
  }
  async function assertLevel() {
    add(1)
    const told = child('')
    await until(async () => (await orders(`u${(noted - 1) % 40}`).catch(() => []))[0] === `o-${noted - 1}`)
    for (let user = 0; user < 40; user += 1) {
      const last = noted - 1 - ((noted - 1 - user) % 40)
      const newest = Array.from({ length: 50 }, (_, n) => last - 40 * n).filter((n) => n >= 0)
      assert.deepEqual(
        await orders(`u${user}`),
        newest.map((n) => `o-${n}`),
      )
    }
    const closed = once(told, 'close')
    told.kill('SIGKILL')
    await closed
  }

  for (const step of ['before-finish:1', 'after-finish:1']) await killedAt(step)
  await assertLevel()
  for (const step of ['before-apply:1', 'after-apply:1', 'after-apply:2']) await killedAt(step)
  await assertLevel()
  await clearedRedis(url, prefix)
})
