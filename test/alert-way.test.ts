import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BATCH_COUNT_MAX, DAY_MS, isoOf, MINUTE_MS, SECOND_MS, type Alert } from '@flowguard/contract'
import type { AlertsPage } from 'flowguard/answers'
import { openReadOnly } from '../packages/pipeline/src/kernel/sqlite.ts'
import { httpReceiver, smtpReceiver, type Received } from '../packages/pipeline/src/notify/testing/receivers.ts'
import { passedIn } from '../packages/pipeline/src/stream/pending.ts'
import type { Sent } from './support/answers.ts'
import { freePort, startMachine, until, type Machine } from './support/machine.ts'

/** How long is waited for anything: no measure of how fast it is to be, which is printed. */
const TOLD_MS_MAX = 60_000
const LOOK_MS = 20
const KEY = Buffer.from('a secret of this test alone')

/** What the webhook, the Slack-shaped one and the mailbox are told of, by rule and subject. */
const INCIDENTS = ['ctr of all traffic', 'orders_per_user of u-flood', 'reader_stopped of billing'] as const
type Incident = (typeof INCIDENTS)[number]

const ORDERS_MIN = 5
const ORDERS = 40
const STOPPED_SECONDS = 8

/** A world of one ad, in which so many are shown a minute, and every second one is clicked. */
const SHOWN_A_MINUTE = 24
const USUAL_EVERY = 2
const DROPPED_EVERY = 12
/** A week before, so much around what is now: longer than the hour before and after, and what is learned late. */
const AROUND_MINUTES = { before: 70, after: 95 }
const MINUTES = { usual: 6, dropped: 15, usualAgain: 12 }
const MINUTES_ALL = MINUTES.usual + MINUTES.dropped + MINUTES.usualAgain

const rules = (ports: { hook: number; slack: number; down: number; mail: number }) => `
cooldown: { minutes: 10 }
fraud:
  orders_per_user: { at_least: ${ORDERS_MIN}, within_seconds: 5, severity: critical }
anomalies:
  warm_up_days: 0.05
  sigmas: 5
  rules:
    ctr: { change: 0.2, volume: ${SHOWN_A_MINUTE} }
pipeline:
  reader_stopped: { for_seconds: ${STOPPED_SECONDS}, severity: critical }
channels:
  - { name: hook, type: webhook, url: 'http://127.0.0.1:${ports.hook}/hook', secret_env: HOOK_SECRET, allow_private: true }
  - { name: down, type: webhook, url: 'http://127.0.0.1:${ports.down}/down', secret_env: HOOK_SECRET, allow_private: true }
  - { name: slack, type: slack, url: 'http://127.0.0.1:${ports.slack}/services/T/B/X', allow_private: true }
  - { name: mail, type: email, host: 127.0.0.1, port: ${ports.mail}, tls: 'off', from: flowguard@shop.test, to: [on-call@shop.test] }
`

type State = 'open' | 'resolved'

/** What a channel was told: the ids of its messages, in the order in which they came. */
type Inbox = Record<'hook' | 'slack' | 'mail', () => string[]>

interface Body {
  id: string
  type: `alert.${State}`
  alert: Alert
}

test('three incidents are told once each on every channel, though they go on; a channel that is down delays nobody and loses nothing', async (t) => {
  await using hook = await httpReceiver()
  await using slack = await httpReceiver()
  await using mail = await smtpReceiver()
  const down = await freePort()
  await using machine = await startMachine({ idle: true, env: { HOOK_SECRET: `whsec_${KEY.toString('base64')}` } })
  const file = join(machine.dataDir, 'alerts.yaml')
  writeFileSync(file, rules({ hook: hook.port, slack: slack.port, down, mail: mail.port }))
  machine.env['ALERTS_FILE'] = file
  await Promise.all((['edge', 'stream', 'billing', 'notifier'] as const).map((name) => machine.start(name)))
  await until('all channels have begun', async () => (await channelsOf(machine)).channels.length === 4)
  await using watch = watching(machine, {
    hook: () => hook.received.map(({ body }) => (JSON.parse(body) as Body).id),
    slack: () => slack.received.map(idInSlack),
    mail: () => mail.mails.map(idInMail),
  })
  const told = (incident: Incident, state: State) => {
    const bodies = hook.received.map(({ body }) => JSON.parse(body) as Body)
    return bodies.filter(({ type, alert }) => type === `alert.${state}` && incident === `${alert['rule']} of ${alert['subject']}`)
  }
  /** Waits until all three were told, and prints how long after `from` each was. */
  const everybodyTold = async (incident: Incident, state: State, from?: (alert: Alert) => number) => {
    await until(`${incident} is ${state}, by webhook`, () => told(incident, state).length > 0, TOLD_MS_MAX)
    const [{ id, alert }] = told(incident, state) as [Body]
    for (const name of ['slack', 'mail'] as const) {
      await until(`${incident} is ${state}, by ${name}`, () => watch.seenAt(name, id) !== undefined, TOLD_MS_MAX)
    }
    if (!from) return
    const after = (['hook', 'slack', 'mail'] as const).map((name) => `${name} ${(watch.seenAt(name, id) ?? NaN) - from(alert)} ms`)
    t.diagnostic(`${incident}: told after ${after.join(', ')}`)
  }

  // A baseline out of a week ago; then what is usual, the drop, and what is usual again, all of it so long ago that time does not go on by itself.
  const begin = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 50 * MINUTE_MS
  const weekAgo = begin - 7 * DAY_MS - AROUND_MINUTES.before * MINUTE_MS
  await send(machine, shown(weekAgo, AROUND_MINUTES.before + MINUTES_ALL + AROUND_MINUTES.after, USUAL_EVERY))
  await send(machine, shown(begin, MINUTES.usual, USUAL_EVERY))
  const dropsAt = begin + MINUTES.usual * MINUTE_MS
  await send(machine, shown(dropsAt, MINUTES.dropped, DROPPED_EVERY))
  await everybodyTold('ctr of all traffic', 'open', watch.passedAt)
  await send(machine, shown(dropsAt + MINUTES.dropped * MINUTE_MS, MINUTES.usualAgain, USUAL_EVERY))
  await everybodyTold('ctr of all traffic', 'resolved')

  await machine.stop('billing')
  const stoppedAt = Date.now()
  for (let n = 0; n < ORDERS; n += 1) {
    await post(`${machine.gatewayUrl}/api/v1/orders`, JSON.stringify({ item_id: 7, user_id: 'u-flood' }), 201)
  }
  await everybodyTold('orders_per_user of u-flood', 'open', watch.passedAt)
  await everybodyTold('reader_stopped of billing', 'open', () => stoppedAt + STOPPED_SECONDS * SECOND_MS)
  await everybodyTold('orders_per_user of u-flood', 'resolved')
  await until(
    'billing stands still for long',
    async () => ((await seenCounts(machine)).get('reader_stopped of billing') ?? 0) > 1,
    TOLD_MS_MAX,
  )
  await machine.start('billing')
  await everybodyTold('reader_stopped of billing', 'resolved')

  // Of all that was seen, six messages.
  const ids = INCIDENTS.flatMap((incident) =>
    (['open', 'resolved'] as const).map((state) => {
      const bodies = told(incident, state)
      assert.equal(bodies.length, 1, `${incident} is ${state}`)
      return bodies[0]!.id
    }),
  )
  const counts = await seenCounts(machine)
  for (const incident of INCIDENTS) assert.ok((counts.get(incident) ?? 0) > 1, `${incident} goes on for long`)
  hook.received.forEach(assertSigned)
  for (const name of ['hook', 'slack', 'mail'] as const) {
    const all = watch.inbox[name]()
    assert.deepEqual(
      ids.map((id) => all.filter((each) => each === id).length),
      ids.map(() => 1),
      `each once, by ${name}`,
    )
  }

  const before = await channelsOf(machine)
  assert.equal(before.code, 3)
  assert.deepEqual(
    before.channels.map(({ channel, trouble, waiting }) => [channel, trouble !== null, waiting >= ids.length]),
    [['down', true, true], ...['hook', 'mail', 'slack'].map((name) => [name, false, false])],
  )
  await using late = await httpReceiver(undefined, down)
  const expected = watch.inbox.hook()
  await until('the channel that was down has them all', () => late.received.length >= expected.length, TOLD_MS_MAX)
  late.received.forEach(assertSigned)
  assert.deepEqual(
    late.received.slice(0, expected.length).map(({ body }) => (JSON.parse(body) as Body).id),
    expected,
  )
  await until('it is well', async () => (await channelsOf(machine)).code === 0)
})

interface Channel {
  channel: string
  waiting: number
  trouble: object | null
}

/** As an operator asks. */
async function channelsOf(machine: Machine): Promise<{ code: number | null; channels: Channel[] }> {
  const { code, stdout } = await machine.cli('alerts', 'channels', '--json')
  return { code, channels: (JSON.parse(stdout) as { channels: Channel[] }).channels }
}

interface Block {
  elements?: { text: string }[]
}

const idInSlack = ({ body }: Received) => (JSON.parse(body) as { blocks: Block[] }).blocks.at(-1)?.elements?.[0]?.text ?? ''
const idInMail = (text: string) => /^X-FlowGuard-Id: (.*)\r$/im.exec(text.replaceAll('\r\n ', ' '))?.[1]?.trim() ?? ''

/** By Standard Webhooks, worked out here by itself. */
function assertSigned({ headers, body }: Received) {
  const [id, seconds] = [headers['webhook-id'], headers['webhook-timestamp']]
  const signature = createHmac('sha256', KEY)
    .update(`${String(id)}.${String(seconds)}.${body}`)
    .digest('base64')
  assert.deepEqual([id, headers['webhook-signature']], [(JSON.parse(body) as Body).id, `v1,${signature}`])
  assert.ok(Math.abs(Date.now() / SECOND_MS - Number(seconds)) < 5 * 60)
}

/** Notes when the watermark was where, and when each message was there. */
function watching(machine: Machine, inbox: Inbox) {
  const db = openReadOnly(join(machine.dataDir, 'pipeline.db'))
  const passed: { to: number; at: number }[] = []
  const seen = { hook: new Map<string, number>(), slack: new Map<string, number>(), mail: new Map<string, number>() }
  const timer = setInterval(() => {
    const [at, to] = [Date.now(), passedIn(db)]
    if (to > (passed.at(-1)?.to ?? -Infinity)) passed.push({ to, at })
    for (const name of ['hook', 'slack', 'mail'] as const) for (const id of inbox[name]()) if (!seen[name].has(id)) seen[name].set(id, at)
  }, LOOK_MS)
  return {
    inbox,
    seenAt: (name: keyof Inbox, id: string) => seen[name].get(id),
    /** When the watermark passed what the alert is of. */
    passedAt: ({ since }: Alert) => passed.find(({ to }) => to >= Date.parse(String(since)))?.at ?? NaN,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      db.close()
    },
  }
}

/** Ads shown, so many a minute from then on; every so manyth is clicked a second later. */
function shown(from: number, minutes: number, clickedEvery: number): Sent[] {
  return Array.from({ length: minutes * SHOWN_A_MINUTE }, (_, n) => {
    const ts = from + (n * MINUTE_MS) / SHOWN_A_MINUTE
    const seen = { user_id: `u-${n % 200}`, item_id: 4, ad_id: 'ad_4' }
    const impression: Sent = { event_type: 'impression', event_id: `i-${ts}`, timestamp: isoOf(ts), ...seen }
    const click: Sent = { event_type: 'click', event_id: `c-${ts}`, timestamp: isoOf(ts + SECOND_MS), ...seen }
    return n % clickedEvery === 0 ? [impression, click] : [impression]
  }).flat()
}

async function send({ gatewayUrl }: Machine, events: readonly Sent[]) {
  for (let at = 0; at < events.length; at += BATCH_COUNT_MAX) {
    const results = await post(`${gatewayUrl}/api/v1/batch`, JSON.stringify(events.slice(at, at + BATCH_COUNT_MAX)), 200)
    for (const { status, error } of results as { status: string; error?: object }[]) assert.equal(status, 'accepted', JSON.stringify(error))
  }
}

async function post(url: string, body: string, status: number): Promise<unknown> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  assert.equal(answer.status, status)
  return answer.json()
}

/** How often each was seen, by the book. */
async function seenCounts(machine: Machine): Promise<ReadonlyMap<string, number>> {
  const { stdout } = await machine.cli('alerts', 'list', '--json')
  const { alerts } = JSON.parse(stdout) as AlertsPage
  return new Map(alerts.map(({ alert }) => [`${alert.rule} of ${alert.subject}`, alert.count ?? 0]))
}
