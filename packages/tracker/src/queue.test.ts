import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AD, fakeSite, idsIn, openTab } from './browser-fixture.ts'
import { PIECE_BYTES_MAX, PIECE_COUNT_MAX, QUEUE_COUNT_MAX } from './queue.ts'

test('what a closed tab left behind is sent by the next, the same to the byte', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const closed = openTab(site)
  const id = closed.tracker.click(AD)
  await site.clock.advance(1_000)
  closed.tracker.stop()
  site.gateway.told = () => undefined
  await site.clock.advance(3_600_000)
  openTab(site)
  await site.clock.advance(0)
  const [tried, sent] = site.gateway.batches()
  assert.equal(sent?.events[0]?.event_id, id)
  assert.equal(sent.body, tried?.body)
})

test('corrupted entries are thrown away and counted, and what is whole goes out', async () => {
  const site = fakeSite()
  const id = openTab(site).tracker.click(AD)
  const [entry] = [...site.storage.values].find(([key]) => key.startsWith('flowguard:queue:'))!
  for (const [at, text] of ['', '{"event_id":"cut', 'null', '[]', '{"event_id":5}', '{"event_id":"two",\n"x":1}'].entries()) {
    site.storage.values.set(`${entry}-${at}`, text)
  }
  site.storage.values.set('flowguard:backoff', 'soon').set('another', 'untouched')
  const { tracker } = openTab(site)
  await site.clock.advance(0)
  assert.deepEqual(idsIn(site.gateway), [[id]])
  assert.deepEqual([tracker.counts().queued, tracker.counts().unreadable], [0, 6])
  assert.equal(site.storage.values.get('another'), 'untouched')
})

test('a full queue drops its oldest impressions first and clicks last, and says so', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const { tracker, losses } = openTab(site)
  const clicks: string[] = []
  const impressions: string[] = []
  for (let at = 0; at < QUEUE_COUNT_MAX / 2; at += 1) {
    clicks.push(tracker.click(AD))
    impressions.push(tracker.impression(AD, 'hover'))
    if (at % 100 === 0) await site.clock.advance(1)
  }
  await site.clock.advance(1)
  const late = [tracker.impression(AD, 'viewable'), tracker.click(AD)]
  assert.equal(tracker.counts().dropped, 2)
  assert.ok(losses.every(({ event, reason, code }) => event.event_type === 'impression' && reason === 'dropped' && code === 'queue_full'))
  assert.ok(losses.every(({ event }) => impressions.slice(0, 101).includes(event.event_id)))
  for (let at = 0; at < QUEUE_COUNT_MAX; at += 1) tracker.click(AD)
  const dropped = new Set(losses.map(({ event }) => event.event_id))
  assert.equal(losses.length, QUEUE_COUNT_MAX + 2)
  assert.ok([...impressions, ...clicks, ...late].every((id) => dropped.has(id) || id === late[1]))
  assert.equal(tracker.counts().queued, QUEUE_COUNT_MAX)
})

test('batches stay below their count and their bytes, and clicks go before impressions', async () => {
  const site = fakeSite()
  const { tracker } = openTab(site)
  for (let at = 0; at < PIECE_COUNT_MAX; at += 1) tracker.impression({ ...AD, metadata: { note: 'न'.repeat(150) } }, 'hover')
  for (let at = 0; at < PIECE_COUNT_MAX + 1; at += 1) tracker.click(AD)
  await site.clock.advance(1_000)
  const batches = site.gateway.batches()
  assert.ok(batches.length >= 4)
  for (const { body, events } of batches) assert.ok(Buffer.byteLength(body) < PIECE_BYTES_MAX && events.length <= PIECE_COUNT_MAX)
  const types = batches.flatMap(({ events }) => events.map(({ event_type }) => event_type))
  assert.equal(types.lastIndexOf('click'), PIECE_COUNT_MAX)
  assert.equal(types.length, 2 * PIECE_COUNT_MAX + 1)
})

test('two tabs that queue at the same time lose nothing, and only one sends at a time', async () => {
  const site = fakeSite()
  site.gateway.told = () => (site.gateway.requests.length === 1 ? 'hang' : undefined)
  const [one, other] = [openTab(site), openTab(site)]
  const ids = Array.from({ length: 50 }, (_, at) => (at % 2 ? one : other).tracker.click(AD))
  await site.clock.advance(20_000)
  assert.deepEqual(idsIn(site.gateway).slice(1).flat().sort(), ids.sort())
  assert.equal(site.gateway.openMost, 1)
  assert.equal(one.tracker.counts().sent + other.tracker.counts().sent, 50)
})

test('without locks, or where they are refused, it sends all the same', async () => {
  for (const locks of [null, { request: async () => Promise.reject(new DOMException('denied', 'SecurityError')) }]) {
    const site = fakeSite()
    const { tracker } = openTab(site, { locks })
    const id = tracker.click(AD)
    await site.clock.advance(1_000)
    assert.deepEqual(idsIn(site.gateway), [[id]])
  }
})
