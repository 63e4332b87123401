import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALERTS, DEAD, type Alert } from '@flowguard/contract'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { deadLetters, eventually } from '../reader/testing/fixture.ts'
import { passedIn } from '../reader/passed.ts'
import { smtpSender } from './adapters/smtp.ts'
import { webhookSender } from './adapters/webhook.ts'
import { channelReader } from './channel-reader.ts'
import { channelSet } from './channel-set.ts'
import type { Channel } from './channels.ts'
import { channelStandings } from './deliveries.ts'
import { refused, Unavailable, type Sender } from './sender.ts'
import { alert, alertMachine } from './testing/alerts.ts'
import { httpReceiver, smtpReceiver } from './testing/receivers.ts'

const channel = (name: string, more: Partial<Channel> = {}): Channel =>
  ({ type: 'console', name, minSeverity: 'info', kinds: undefined, ...more }) as Channel

const webhook = (url: string) => webhookSender({ url, secret: 's', isPrivateAllowed: true, clock: Date.now, msMax: 2_000 })
const idsIn = (bodies: readonly { body: string }[]) => bodies.map(({ body }) => (JSON.parse(body) as { alert: Alert }).alert.alert_id)

/** Keeps what it was given. */
function keeping(): Sender & { taken: string[] } {
  const taken: string[] = []
  return { taken, send: async ({ alert: { alert_id: id } }) => (taken.push(id), 'taken') }
}

test('an alert and its end reach a webhook and a mailbox, each once', async () => {
  await using hook = await httpReceiver()
  await using box = await smtpReceiver()
  await using at = alertMachine()
  const mail = smtpSender({ host: '127.0.0.1', port: box.port, from: 'a@x.test', to: ['b@x.test'], tls: 'off', login: undefined })
  at.begin(channelReader(channel('hook'), webhook(hook.url), at.store))
  at.begin(channelReader(channel('mail'), mail, at.store))
  await eventually(() => at.place('hook') !== undefined && at.place('mail') !== undefined, 'both have begun')
  await at.raise(alert('one'))
  await eventually(() => hook.received.length === 1 && box.mails.length === 1, 'both have it')
  await at.raise(alert('one', { state: 'resolved', resolved_at: '2026-02-01T00:00:00.000Z' }))
  await eventually(() => at.place('hook')?.next === 2 && at.place('mail')?.next === 2, 'both have passed it')
  assert.deepEqual([hook.received.length, box.mails.length], [2, 2])
  assert.deepEqual(
    hook.received.map(({ headers }) => headers['webhook-id']),
    [0, 1].map((offset) => `${at.store.derived.id}/${ALERTS}-0-${offset}`),
  )
})

test('a channel begins with what happens from then on, and reads only what is its concern', async () => {
  await using at = alertMachine()
  await at.raise(alert('old'))
  const sender = keeping()
  at.begin(channelReader(channel('few', { minSeverity: 'warning', kinds: ['fraud'] }), sender, at.store))
  await eventually(() => at.place('few') !== undefined, 'it has begun')
  await at.raise(alert('kind'), alert('info', { kind: 'fraud', severity: 'info' }), alert('mine', { kind: 'fraud', severity: 'critical' }))
  await eventually(() => at.place('few')?.next === 4, 'all are passed')
  const { began, read, applied, skipped } = at.place('few')!
  assert.deepEqual([sender.taken, began, read, applied, skipped], [['mine'], 1, 3, 1, 2])
})

test('a channel that is down holds up no other and loses nothing: once it is back it has all, in their order', async () => {
  await using hook = await httpReceiver()
  await using at = alertMachine()
  const other = keeping()
  let isDown = true
  hook.answer((answer) => void answer.writeHead(isDown ? 503 : 200).end('x'))
  at.begin(channelReader(channel('down'), webhook(hook.url), at.store))
  at.begin(channelReader(channel('up'), other, at.store))
  await eventually(() => at.place('down') !== undefined && at.place('up') !== undefined, 'both have begun')
  const ids = Array.from({ length: 5 }, (_, n) => `a${n}`)
  await at.raise(...ids.map((id) => alert(id)))
  await eventually(() => other.taken.length === 5 && hook.received.length >= 3, 'the other has all, and this was tried again')
  assert.equal(at.place('down')?.next, 0)
  const standing = () => channelStandings(at.store.db).find((each) => each.channel === 'down')
  assert.ok((standing()?.trouble?.tries ?? 0) >= 2 && standing()?.trouble?.detail === '503 x')
  isDown = false
  const before = hook.received.length
  await eventually(() => at.place('down')?.next === 5, 'it has them too')
  assert.deepEqual(idsIn(hook.received.slice(before)), ids)
  assert.equal(standing()?.trouble, undefined)
  assert.deepEqual([standing()?.last?.outcome, standing()?.last?.alertId], ['delivered', 'a4'])
})

test('stopped anywhere and begun again it sends none too few, and what is sent again has the same id', async () => {
  await using hook = await httpReceiver()
  await using at = alertMachine()
  const ids = Array.from({ length: 12 }, (_, n) => `a${n}`)
  const begin = () => at.begin(channelReader(channel('hook'), webhook(hook.url), at.store))
  let now = begin()
  await eventually(() => at.place('hook') !== undefined, 'it has begun')
  let stops = 0
  // Stopped before the answer, so that nobody knows whether it was taken.
  hook.answer((answer) => {
    if (hook.received.length % 3 !== 0) return void answer.end('ok')
    stops += 1
    void now.stop().then(() => (now = begin()))
  })
  await at.raise(...ids.map((id) => alert(id)))
  await eventually(() => at.place('hook')?.next === 12, 'all are passed')
  const sent = hook.received.map(({ headers }) => headers['webhook-id'])
  assert.ok(stops >= 4 && sent.length > 12, `${stops} stops, ${sent.length} sent`)
  assert.deepEqual([...new Set(idsIn(hook.received))], ids)
  assert.equal(new Set(sent).size, 12)
})

test('what was sent when the store could not be written is not sent again', async () => {
  await using at = alertMachine()
  const { db } = at.store
  let failures = 0
  const failed = () => {
    if ((failures += 1) === 2) db.exec('drop trigger full')
  }
  const logger = { ...silentLogger, error: failed } as unknown as Logger
  const sender = keeping()
  at.begin(channelReader(channel('c'), sender, { ...at.store, logger }))
  await eventually(() => at.place('c') !== undefined, 'it has begun')
  db.exec("create trigger full before insert on channel_deliveries begin select raise(abort, 'full'); end")
  await at.raise(alert('one'), alert('two'))
  await eventually(() => at.place('c')?.next === 2, 'both are passed')
  assert.deepEqual([failures, sender.taken, at.place('c')?.applied], [2, ['one', 'two'], 2])
})

test('what a receiver refuses for good is told and passed; what is no alert is a dead letter', async () => {
  await using at = alertMachine()
  const told: object[] = []
  const logger = { ...silentLogger, error: (what: object) => void told.push(what) } as unknown as Logger
  const sender: Sender = { send: async ({ alert: { alert_id: id } }) => (id === 'bad' ? Promise.reject(refused('400 no')) : 'taken') }
  at.begin(channelReader(channel('c'), sender, { ...at.store, logger }))
  await eventually(() => at.place('c') !== undefined, 'it has begun')
  await at.raise(alert('bad'))
  await at.store.derived.append(ALERTS, [{ key: 'x', value: '{"alert_id":""}', headers: {} }])
  await at.raise(alert('good'))
  await eventually(() => at.place('c')?.next === 3, 'all are passed')
  const { applied, dead } = at.place('c')!
  assert.deepEqual([applied, dead, told.length], [1, 1, 1])
  assert.equal((await deadLetters(at.store.derived))[0]?.dead_id, `notify-c/${ALERTS}-0-1`)
  const rows = at.store.db.prepare('select alert_id, outcome, detail from channel_deliveries order by log_offset').all()
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { alert_id: 'bad', outcome: 'refused', detail: '400 no' },
      { alert_id: 'good', outcome: 'delivered', detail: 'taken' },
    ],
  )
  assert.equal(at.store.derived.partitions(DEAD), 3)
})

test('a receiver that says when to come again is left alone until then', async () => {
  await using at = alertMachine()
  const tries: number[] = []
  const sender: Sender = {
    async send() {
      tries.push(performance.now())
      if (tries.length === 1) throw new Unavailable('busy', { retryAfterMs: 400 })
      return 'taken'
    },
  }
  at.begin(channelReader(channel('c'), sender, at.store))
  await eventually(() => at.place('c') !== undefined, 'it has begun')
  await at.raise(alert('one'))
  await eventually(() => at.place('c')?.next === 1, 'it is passed')
  assert.ok(tries[1]! - tries[0]! >= 390, `${tries[1]! - tries[0]!} ms`)
})

test('channels come and go as the file says, and nobody waits for one that is gone', async () => {
  await using at = alertMachine()
  const senders = new Map(['a', 'b', 'c'].map((name) => [name, keeping()]))
  let channels = [channel('a'), channel('b')]
  const reader = (each: Channel) => channelReader(each, senders.get(each.name)!, at.store)
  at.begin(channelSet({ ...at.store, channels: () => channels, reader }))
  await eventually(() => at.place('a') !== undefined && at.place('b') !== undefined, 'both have begun')
  await at.raise(alert('first'))
  await eventually(() => at.place('a')?.next === 1 && at.place('b')?.next === 1, 'both have passed it')
  channels = [channel('b', { minSeverity: 'critical' }), channel('c')]
  await eventually(() => at.place('a') === undefined && at.place('c') !== undefined, 'one is gone and one has come')
  await at.raise(alert('second'))
  await eventually(() => at.place('b')?.next === 2 && at.place('c')?.next === 2, 'both have passed it')
  assert.deepEqual(
    [...senders].map(([, { taken }]) => taken),
    [['first'], ['first'], ['second']],
  )
  assert.equal(passedIn([at.store.db], ALERTS, 1).get(0), 2)
})
