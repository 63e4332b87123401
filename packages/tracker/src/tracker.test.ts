import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AD, fakeSite, fakeStorage, idsIn, openTab } from './browser-fixture.ts'
import { browserEnvironment } from './environment.ts'
import { SESSION_GAP_MS } from './identity.ts'
import { createTracker } from './tracker.ts'

test('a click and both kinds of impression are sent with who, when and where', async () => {
  const site = fakeSite()
  const { tracker } = openTab(site, { key: 'fgk_1' })
  const madeAt = new Date(site.clock.now()).toISOString()
  tracker.setUser(17)
  const click = tracker.click({ ...AD, ad_type: 'native', metadata: { row: 2 } })
  tracker.impression({ ...AD, metadata: { row: 2 } }, 'hover')
  tracker.impression(AD, 'viewable')
  await site.clock.advance(1_000)
  const [batch, ...more] = site.gateway.batches()
  assert.equal(more.length, 0)
  assert.equal(batch?.headers['content-type'], 'application/x-ndjson')
  assert.equal(batch.headers['authorization'], 'Bearer fgk_1')
  assert.deepEqual(batch.events[0], {
    page_url: 'https://shop.example/',
    ad_id: 'food_7',
    item_id: 7,
    ad_type: 'native',
    metadata: { row: 2 },
    event_type: 'click',
    event_id: click,
    timestamp: madeAt,
    user_id: '17',
    session_id: tracker.sessionId(),
  })
  assert.deepEqual(
    batch.events.slice(1).map(({ event_type, metadata }) => [event_type, metadata]),
    [
      ['impression', { row: 2, impression: 'hover' }],
      ['impression', { impression: 'viewable' }],
    ],
  )
  assert.deepEqual(tracker.counts(), { queued: 0, sent: 3, refused: 0, dropped: 0, unreadable: 0 })
})

test('the user is made once, is the same after a reload and in other tabs, and can be set', () => {
  const site = fakeSite()
  const first = openTab(site).tracker
  const second = openTab(site).tracker
  const made = first.userId()
  assert.equal(second.userId(), made)
  assert.equal(openTab(site).tracker.userId(), made)
  const session = second.sessionId()
  first.setUser('asha')
  assert.equal(second.userId(), 'asha')
  assert.notEqual(second.sessionId(), session)
  for (const bad of ['', ' ', 'x'.repeat(129)]) assert.throws(() => first.setUser(bad), RangeError)
  assert.equal(first.userId(), 'asha')
})

test('a session goes on while the gaps are no longer than 30 minutes', async () => {
  const site = fakeSite()
  const { tracker } = openTab(site)
  const session = tracker.sessionId()
  await site.clock.advance(SESSION_GAP_MS)
  assert.equal(tracker.sessionId(), session)
  await site.clock.advance(SESSION_GAP_MS + 1)
  assert.notEqual(tracker.sessionId(), session)
})

test('what is written where the user and the session were is replaced', () => {
  const site = fakeSite()
  site.storage.values.set('flowguard:user', '').set('flowguard:session', '{"id":')
  const { tracker } = openTab(site)
  assert.match(tracker.userId(), /^id-/)
  assert.match(tracker.sessionId(), /^id-/)
})

test('storage that is missing, throws or is full falls back to memory', async () => {
  const throwing = new Proxy(fakeStorage(), {
    get() {
      throw new DOMException('denied', 'SecurityError')
    },
  })
  for (const storage of [null, throwing, fakeStorage(0), fakeStorage(150)]) {
    const site = fakeSite()
    const { tracker } = openTab(site, { storage })
    const user = tracker.userId()
    const ids = [tracker.click(AD), tracker.click(AD)]
    assert.equal(tracker.counts().queued, 2)
    await site.clock.advance(1_000)
    assert.deepEqual(idsIn(site.gateway), [ids])
    assert.equal(tracker.userId(), user)
    assert.equal(tracker.counts().queued, 0)
  }
})

test('an event that cannot be JSON, or is over 32 KiB, is told at once and stops no other', async () => {
  const site = fakeSite()
  const { tracker, losses } = openTab(site)
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle
  const bad = [tracker.click({ ...AD, metadata: cycle }), tracker.click({ ...AD, metadata: { note: 'n'.repeat(33_000) } })]
  const good = tracker.click(AD)
  assert.deepEqual(
    losses.map(({ event, reason, code }) => [event.event_id, reason, code]),
    bad.map((id) => [id, 'refused', 'invalid_event']),
  )
  await site.clock.advance(1_000)
  assert.deepEqual(idsIn(site.gateway), [[good]])
})

test('after stop nothing is listened to and nothing is sent; the queue waits for the next page', async () => {
  const site = fakeSite()
  const { tracker, page, beacons } = openTab(site)
  const id = tracker.click(AD)
  tracker.stop()
  page.hide(true)
  await site.clock.advance(60_000)
  assert.deepEqual([site.gateway.requests.length, beacons.length, site.clock.timerCount()], [0, 0, 0])
  openTab(site)
  await site.clock.advance(0)
  assert.deepEqual(idsIn(site.gateway), [[id]])
})

test('on a server, where pages are rendered too, it is made without a browser and does nothing', () => {
  assert.equal(browserEnvironment().storage, null)
  const tracker = createTracker({ gatewayUrl: 'http://gateway.example' })
  assert.match(tracker.userId(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  tracker.watchViewable({} as Element, AD)()
  tracker.stop()
})
