import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BACKOFF_MS_MAX, backoffMs } from './backoff.ts'
import { AD, fakeSite, idsIn, openTab, type FakeRequest } from './browser-fixture.ts'
import { REQUEST_MS_MAX } from './gateway.ts'

test('a gateway that is down is tried again, later each time, with the same bytes, until all is there', async () => {
  const site = fakeSite()
  const triedAt: number[] = []
  site.gateway.told = () => {
    triedAt.push(site.clock.now())
    return triedAt.length % 2 ? 'down' : { status: 503 }
  }
  const { tracker } = openTab(site)
  tracker.click(AD)
  await site.clock.advance(300_000)
  const gaps = triedAt.slice(1).map((at, before) => at - triedAt[before]!)
  assert.deepEqual(gaps.slice(0, 7), [1_000, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000])
  assert.ok(gaps.every((gap) => gap <= BACKOFF_MS_MAX))
  assert.equal(new Set(site.gateway.requests.map(({ body }) => body)).size, 1)
  site.gateway.told = () => undefined
  await site.clock.advance(BACKOFF_MS_MAX)
  assert.deepEqual([tracker.counts().queued, tracker.counts().sent], [0, 1])
  tracker.click(AD)
  await site.clock.advance(1_000)
  assert.equal(tracker.counts().sent, 2)
})

test('chance spreads the tries over half of the wait', () => {
  assert.deepEqual(
    [0, 0.5, 1].map((chance) => backoffMs(3, 1_000, 60_000, () => chance)),
    [2_000, 3_000, 4_000],
  )
  assert.equal(
    backoffMs(1_000, 1_000, 60_000, () => 1),
    60_000,
  )
})

test('Retry-After is honoured, in seconds and as a date, by every tab and by what is urgent', async () => {
  const site = fakeSite()
  const date = () => new Date(site.clock.now() + 40_000).toUTCString()
  for (const [status, retryAfter] of [
    [429, () => '40'],
    [503, date],
  ] as const) {
    site.gateway.requests.length = 0
    site.gateway.told = () => ({ status, headers: { 'retry-after': retryAfter() } })
    const first = openTab(site).tracker
    const second = openTab(site).tracker
    first.click(AD)
    await site.clock.advance(1_000)
    assert.equal(site.gateway.requests.length, 1)
    second.click(AD)
    assert.equal(await first.flush(), false)
    await site.clock.advance(38_000)
    assert.equal(site.gateway.requests.length, 1)
    site.gateway.told = () => undefined
    await site.clock.advance(5_000)
    assert.deepEqual([site.gateway.requests.length, first.counts().queued], [2, 0])
  }
})

test('a Retry-After without end, and a clock set back, do not silence it for good', async () => {
  const site = fakeSite()
  site.gateway.told = () => ({ status: 503, headers: { 'retry-after': '999999999' } })
  const { tracker } = openTab(site)
  tracker.click(AD)
  await site.clock.advance(1_000)
  site.gateway.told = () => undefined
  await site.clock.advance(301_000)
  assert.equal(tracker.counts().sent, 1)
  site.storage.values.set('flowguard:backoff', `3 ${site.clock.now() + 9e9} ${site.clock.now() + 9e9}`)
  tracker.click(AD)
  await site.clock.advance(1_000)
  assert.equal(tracker.counts().sent, 2)
})

test('a request without an answer is given up and sent again', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'hang'
  const { tracker } = openTab(site)
  tracker.click(AD)
  await site.clock.advance(1_000 + REQUEST_MS_MAX)
  assert.equal(tracker.counts().queued, 1)
  site.gateway.told = () => undefined
  await site.clock.advance(1_000)
  assert.equal(tracker.counts().sent, 1)
})

test('a batch that is refused as a whole is not sent again, and each of its events is told', async () => {
  for (const status of [400, 409, 413, 415, 422]) {
    const site = fakeSite()
    site.gateway.told = () => ({ status, body: { code: 'invalid_event', detail: 'no event' } })
    const { tracker, losses } = openTab(site)
    const ids = [tracker.click(AD), tracker.click(AD)]
    await site.clock.advance(600_000)
    assert.equal(site.gateway.requests.length, 1)
    assert.deepEqual(
      losses.map(({ event, reason, code, detail }) => [event.event_id, reason, code, detail]),
      ids.map((id) => [id, 'refused', 'invalid_event', 'no event']),
    )
  }
})

test('a wrong key or address is no refusal of an event: all is kept, tried again later each time, and sent once that is mended', async () => {
  for (const status of [401, 403, 404, 405]) {
    const site = fakeSite()
    site.gateway.told = () => ({ status, body: { code: 'unauthorized', detail: 'the write key is unknown or revoked' } })
    const { tracker, losses } = openTab(site)
    const ids = [tracker.click(AD), tracker.impression(AD, 'hover')]
    await site.clock.advance(600_000)
    const tries = site.gateway.requests.length
    assert.ok(tries > 5 && tries < 25, `${tries} tries`)
    assert.deepEqual([tracker.counts().queued, losses], [2, []])
    site.gateway.told = () => undefined
    await site.clock.advance(BACKOFF_MS_MAX)
    assert.deepEqual(idsIn(site.gateway).at(-1), ids)
    assert.deepEqual([tracker.counts().queued, tracker.counts().sent, losses], [0, 2, []])
  }
})

test('408, 429 and any 5xx are tried again', async () => {
  for (const status of [408, 429, 500, 502, 503, 504]) {
    const site = fakeSite()
    site.gateway.told = () => (site.gateway.requests.length === 1 ? { status } : undefined)
    const { tracker } = openTab(site)
    tracker.click(AD)
    await site.clock.advance(10_000)
    assert.deepEqual([site.gateway.requests.length, tracker.counts().sent], [2, 1])
  }
})

test('of a batch, rejected events are told and gone, accepted and duplicate ones done, those without an answer sent again', async () => {
  const site = fakeSite()
  const { tracker, losses } = openTab(site, {
    onLost: (loss) => {
      losses.push(loss)
      throw new Error('a mistake of the site')
    },
  })
  const [accepted, duplicate, rejected, odd, missing] = Array.from({ length: 5 }, () => tracker.click(AD))
  const fate = ({ event_id }: { event_id: string }) =>
    ({ [accepted!]: 'accepted', [duplicate!]: 'duplicate', [rejected!]: 'rejected', [odd!]: 'pondered' })[event_id]
  site.gateway.told = ({ events }: FakeRequest) => {
    if (site.gateway.requests.length > 1) return undefined
    const body = events
      .slice(0, 4)
      .map((event, index) => ({ index, status: fate(event), error: { code: 'invalid_event', detail: '/ad_id' } }))
    return { status: 200, body }
  }
  await assert.rejects(site.clock.advance(1_000), /a mistake of the site/)
  await site.clock.advance(10_000)
  assert.deepEqual(idsIn(site.gateway)[1], [odd, missing])
  assert.deepEqual([tracker.counts().sent, tracker.counts().refused, tracker.counts().queued], [4, 1, 0])
  assert.deepEqual([losses[0]?.event.event_id, losses[0]?.code, losses[0]?.detail], [rejected, 'invalid_event', '/ad_id'])
})

test('an answer of 200 that is not the gateway’s loses nothing', async () => {
  for (const body of ['<html>Log in to the Wi-Fi</html>', {}, [], [{ index: 5, status: 'accepted' }], [null]]) {
    const site = fakeSite()
    site.gateway.told = () => (site.gateway.requests.length === 1 ? { status: 200, body } : undefined)
    const { tracker } = openTab(site)
    tracker.click(AD)
    await site.clock.advance(1_000)
    assert.equal(tracker.counts().queued, 1)
    await site.clock.advance(5_000)
    assert.equal(tracker.counts().sent, 1)
  }
})

test('being online again, and being looked at again, are chances to send', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const { tracker, page } = openTab(site)
  tracker.click(AD)
  await site.clock.advance(200_000)
  site.gateway.told = () => undefined
  page.fire('online')
  await site.clock.advance(0)
  assert.equal(tracker.counts().queued, 0)
  tracker.click(AD)
  page.hide(true)
  page.hide(false)
  await site.clock.advance(0)
  assert.equal(tracker.counts().queued, 0)
})

test('as the page hides, all that waits goes by beacon in pieces, once, and stays until the gateway has answered', async () => {
  const site = fakeSite()
  const { tracker, page, beacons, beaconed } = openTab(site, { key: 'fgk &1' })
  const ids = Array.from({ length: 200 }, () => tracker.click({ ...AD, metadata: { note: 'न'.repeat(300) } }))
  page.hide(true)
  page.fire('pagehide')
  assert.ok(beacons.length > 1)
  for (const { url, body } of beacons) {
    assert.equal(url, 'http://gateway.example/api/v1/batch?key=fgk%20%261')
    assert.equal(body.type, 'application/json')
    assert.ok(body.size < 64 * 1024)
  }
  assert.deepEqual(
    (await beaconed())
      .flat()
      .map(({ event_id }) => event_id)
      .sort(),
    [...ids].sort(),
  )
  assert.equal(tracker.counts().queued, 200)
  page.hide(false)
  await site.clock.advance(0)
  assert.deepEqual(idsIn(site.gateway).flat().sort(), [...ids].sort())
  assert.equal(tracker.counts().queued, 0)
  assert.deepEqual((await beaconed())[0]?.[0], site.gateway.requests[0]?.events[0])
})

test('what the gateway has not answered goes by beacon each time that the page hides', async () => {
  const site = fakeSite()
  site.gateway.told = () => 'down'
  const { tracker, page, beaconed } = openTab(site)
  const first = tracker.click(AD)
  page.hide(true)
  page.hide(false)
  await site.clock.advance(1)
  const second = tracker.click(AD)
  page.hide(true)
  assert.deepEqual(
    (await beaconed()).map((events) => events.map(({ event_id }) => event_id)),
    [[first], [first, second]],
  )
})

test('a beacon that the browser does not take is tried again at the next chance', async () => {
  const site = fakeSite()
  let isTaken = false
  let asked = 0
  const { tracker, page } = openTab(site, {
    sendBeacon: () => {
      asked += 1
      return isTaken
    },
  })
  tracker.click(AD)
  page.hide(true)
  isTaken = true
  page.fire('pagehide')
  page.fire('pagehide')
  assert.equal(asked, 2)
  const without = openTab(site, { sendBeacon: null })
  without.page.hide(true)
  await site.clock.advance(1_000)
  assert.equal(tracker.counts().queued, 0)
})
