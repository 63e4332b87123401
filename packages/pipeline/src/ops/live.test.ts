import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Readable } from 'node:stream'
import { LISTENERS_MAX, liveFeed } from './live.ts'

function feedOf(look: () => Promise<{ n: number }> = async () => ({ n: 1 })) {
  const busy: boolean[] = []
  const feed = liveFeed({ look, brief: ({ n }) => ({ was: n }), onBusy: (isBusy) => busy.push(isBusy) })
  const listen = () => {
    const listener = feed.listen()
    assert.ok(listener)
    return listener
  }
  return { feed, busy, listen }
}

const taken = (listener: Readable) => String((listener.read() as Buffer | null) ?? '')

test('one state is computed for all who listen, and told to each', async () => {
  let looks = 0
  const { feed, listen } = feedOf(async () => ({ n: (looks += 1) }))
  const all = [listen(), listen(), listen()]
  await feed.tick()
  assert.equal(looks, 1)
  for (const each of all) assert.match(taken(each), /event: state\ndata: \{"n":1\}\n\n$/)
})

test('whoever comes later is told what has been and the latest state at once', async () => {
  let n = 0
  const { feed, listen } = feedOf(async () => ({ n: (n += 1) }))
  assert.match(taken(listen()), /^retry: \d+\n\n$/)
  await feed.tick()
  await feed.tick()
  assert.match(taken(listen()), /^retry: \d+\n\nevent: past\ndata: \[\{"was":1\},\{"was":2\}\]\n\nevent: state\ndata: \{"n":2\}\n\n$/)
})

test('what has been is kept when the last listener goes, but for no more than some minutes', async () => {
  let n = 0
  const { feed, listen } = feedOf(async () => ({ n: (n += 1) }))
  const listener = listen()
  for (let tick = 0; tick < 200; tick += 1) await feed.tick()
  const gone = new Promise((resolve) => listener.once('close', resolve))
  listener.destroy()
  await gone
  const [, past = ''] = /^event: past\ndata: (.*)$/m.exec(taken(listen())) ?? []
  const kept = JSON.parse(past) as { was: number }[]
  assert.deepEqual([kept.length, kept[0], kept.at(-1)], [180, { was: 21 }, { was: 200 }])
})

test('nothing is computed while nobody listens', async () => {
  let looks = 0
  const { feed, busy, listen } = feedOf(async () => ({ n: (looks += 1) }))
  await feed.tick()
  const [one, two] = [listen(), listen()]
  const gone = Promise.all([one, two].map((each) => new Promise((resolve) => each.once('close', resolve))))
  one.destroy()
  two.destroy()
  await gone
  await feed.tick()
  assert.equal(looks, 0)
  assert.deepEqual(busy, [true, false])
  assert.equal(feed.count(), 0)
})

test('a listener too many is refused, and there is room again when one leaves', async () => {
  const { feed, listen } = feedOf()
  const all = Array.from({ length: LISTENERS_MAX }, listen)
  assert.equal(feed.listen(), undefined)
  const gone = new Promise((resolve) => all[0]?.once('close', resolve))
  all[0]?.destroy()
  await gone
  assert.ok(feed.listen())
})

test('a state that takes longer than a second is not asked for twice, and the line is kept alive meanwhile', async () => {
  const slow = Promise.withResolvers<{ n: number }>()
  let looks = 0
  const { feed, listen } = feedOf(() => {
    looks += 1
    return slow.promise
  })
  const listener = listen()
  const first = feed.tick()
  for (let tick = 0; tick < 20; tick += 1) await feed.tick()
  assert.equal(looks, 1)
  assert.match(taken(listener), /^: alive$/m)
  slow.resolve({ n: 1 })
  await first
  assert.match(taken(listener), /"n":1/)
})

test('a state that cannot be read is said, and the next one follows', async () => {
  let isBroken = true
  const { feed, listen } = feedOf(async () => {
    if (isBroken) throw new Error('a path that is nobody else’s business')
    return { n: 2 }
  })
  const listener = listen()
  await feed.tick()
  isBroken = false
  await feed.tick()
  const told = taken(listener)
  assert.match(told, /event: trouble[^]*event: state/)
  assert.doesNotMatch(told, /path/)
})

test('a listener that takes nothing does not fill the memory, and later sees the latest', async () => {
  const wide = 'x'.repeat(100_000)
  let n = 0
  const { feed, listen } = feedOf(async () => ({ n: (n += 1), wide }))
  const listener = listen()
  for (let tick = 0; tick < 50; tick += 1) await feed.tick()
  assert.ok(listener.readableLength < 500_000)
  taken(listener)
  await feed.tick()
  assert.match(taken(listener), /"n":51/)
})

test('at the end all connections end, and nobody is let in', async () => {
  const { feed, listen } = feedOf()
  const listener = listen()
  const ended = new Promise((resolve) => listener.once('end', resolve))
  feed.close()
  listener.resume()
  await ended
  assert.equal(feed.listen(), undefined)
})
