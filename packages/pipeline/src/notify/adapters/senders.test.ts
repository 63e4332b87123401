import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { Unavailable, type Sender } from '../sender.ts'
import { message } from '../testing/alerts.ts'
import { certificate, httpReceiver, smtpReceiver } from '../testing/receivers.ts'
import { isPrivateAddress } from './addresses.ts'
import { consoleSender } from './console.ts'
import { slackSender } from './slack.ts'
import { smtpSender } from './smtp.ts'
import { signatureOf, webhookSender } from './webhook.ts'

const NEVER = new AbortController().signal
const secret = 'whsec_c2VjcmV0IG9mIGEgdGVzdA=='
const NOW = 1_800_000_000_000
const clock = () => NOW

const webhook = (url: string, more: Partial<Parameters<typeof webhookSender>[0]> = {}) =>
  webhookSender({ url, secret, isPrivateAllowed: true, clock, ...more })
const send = (sender: Sender, id = '7') => sender.send(message(id), NEVER)
const refused = (pattern: RegExp) => (error: unknown) => hasCode(error, 'channel_refused') && pattern.test((error as Error).message)
const unavailable = (pattern: RegExp) => (error: unknown) => error instanceof Unavailable && pattern.test(error.message)

test('a webhook is signed: whoever knows the secret sees that nothing was changed, and by its id that it is a repeat', async () => {
  await using receiver = await httpReceiver()
  assert.equal(await send(webhook(receiver.url)), '200 ok')
  await send(webhook(receiver.url))
  const [{ headers, body, path }, again] = receiver.received as [(typeof receiver.received)[0], (typeof receiver.received)[0]]
  const said = JSON.parse(body) as Record<string, unknown>
  assert.deepEqual([path, headers['webhook-id'], headers['webhook-timestamp']], ['/hook', 'log/alerts.v1-0-7', '1800000000'])
  assert.equal(headers['webhook-signature'], `v1,${signatureOf(secret, 'log/alerts.v1-0-7', 1_800_000_000, body)}`)
  assert.notEqual(headers['webhook-signature'], `v1,${signatureOf(secret, 'log/alerts.v1-0-7', 1_800_000_000, `${body} `)}`)
  assert.deepEqual([said['type'], said['link']], ['alert.open', 'http://127.0.0.1:8080/alerts?id=7'])
  assert.deepEqual([again.headers['webhook-id'], again.body], [headers['webhook-id'], body])
})

test('the signature is the one that Standard Webhooks gives as its example', () => {
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
  const given = signatureOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', id, 1_614_265_330, '{"test": 2432232314}')
  assert.equal(given, 'g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('what passes or can be mended may be sent later, and what a receiver refuses for what it is never', async () => {
  await using receiver = await httpReceiver()
  for (const status of [500, 502, 503, 408, 425, 429, 401, 403, 404, 410]) {
    receiver.answer((answer) => void answer.writeHead(status, { 'retry-after': '7' }).end('busy'))
    await assert.rejects(
      send(webhook(receiver.url)),
      (error) => unavailable(/busy/)(error) && (error as Unavailable).retryAfterMs === 7_000,
    )
  }
  for (const status of [400, 413, 422]) {
    receiver.answer((answer) => void answer.writeHead(status).end('no such hook'))
    await assert.rejects(send(webhook(receiver.url)), refused(new RegExp(`^${status} no such hook$`)))
  }
})

test('a redirect is refused, and not followed', async () => {
  await using other = await httpReceiver()
  await using receiver = await httpReceiver()
  receiver.answer((answer) => void answer.writeHead(307, { location: other.url }).end())
  await assert.rejects(send(webhook(receiver.url)), refused(/no redirect is followed/))
  assert.deepEqual([receiver.received.length, other.received.length], [1, 0])
})

test('who does not answer, or does not stop, is given up after a while; and a connection that breaks may be mended', async () => {
  await using receiver = await httpReceiver()
  receiver.answer(() => undefined)
  await assert.rejects(send(webhook(receiver.url, { msMax: 200 })), unavailable(/no answer within 200 ms/))
  receiver.answer((answer) => void answer.writeHead(200).write('slow'))
  await assert.rejects(send(webhook(receiver.url, { msMax: 200 })), unavailable(/no answer within 200 ms/))
  receiver.answer((answer) => answer.destroy())
  await assert.rejects(send(webhook(receiver.url)), unavailable(/hang up|reset/i))
  await assert.rejects(send(webhook('http://127.0.0.1:1/')), unavailable(/ECONNREFUSED/))
  receiver.answer((answer) => void answer.writeHead(200).end('x'.repeat(1024 * 1024)))
  assert.match(await send(webhook(receiver.url)), /^200 x{200}$/)
})

test('no inner network is reached unless that is allowed, by whatever name or notation it goes', async () => {
  await using receiver = await httpReceiver(certificate())
  const at = (host: string) => webhook(`https://${host}:${receiver.port}/hook`, { isPrivateAllowed: false, msMax: 2_000 })
  for (const host of [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '0.0.0.0',
    '2130706433',
    '0x7f.1',
    '[64:ff9b::7f00:1]',
  ])
    await assert.rejects(send(at(host)), refused(/inner network/), host)
  for (const host of ['10.0.0.1', '172.31.255.1', '192.168.1.1', '169.254.169.254', '[fe80::1]', '[fd00:ec2::254]', '100.64.0.1'])
    await assert.rejects(send(webhook(`https://${host}/`, { isPrivateAllowed: false, msMax: 2_000 })), refused(/inner network/), host)
  assert.equal(receiver.received.length, 0)
})

test('which addresses are of inner networks', () => {
  const inner = [
    '127.8.9.1',
    '10.255.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '169.254.0.1',
    '100.127.0.1',
    '0.1.2.3',
    '255.255.255.255',
    '::',
    '::1',
  ]
  const more = [
    'fe80::1',
    'fd12::1',
    'ff02::1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a00:1',
    '2002:7f00:1::',
    '::7f00:1',
    '2001:0:1::1',
  ]
  const outer = [
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '169.253.0.1',
    '2606:4700::1111',
    '::ffff:1.1.1.1',
    '64:ff9b::101:101',
    '2001:4860::8888',
  ]
  assert.deepEqual(
    [...inner, ...more].filter((each) => !isPrivateAddress(each)),
    [],
  )
  assert.deepEqual(outer.filter(isPrivateAddress), [])
})

test('over TLS a certificate is needed that holds for the name', async () => {
  const own = certificate()
  await using receiver = await httpReceiver(own)
  assert.equal(await send(webhook(`https://localhost:${receiver.port}/`, { ca: own.cert })), '200 ok')
  await assert.rejects(send(webhook(`https://localhost:${receiver.port}/`)), unavailable(/certificate/))
})

test('a Slack message calls nobody by what an event said, and says since when, what was expected, and where to look', async () => {
  await using receiver = await httpReceiver()
  const sender = slackSender({ url: receiver.url, isPrivateAllowed: true })
  await sender.send(message('9', { title: '<!channel> & co', severity: 'critical' }), NEVER)
  const body = receiver.received[0]!.body
  const { text, blocks } = JSON.parse(body) as { text: string; blocks: { fields?: { text: string }[] }[] }
  assert.match(text, /^🔴 CRITICAL: &lt;!channel&gt; &amp; co\n/)
  assert.match(text, /<http:\/\/127\.0\.0\.1:8080\/alerts\?id=9\|Open in the console>$/)
  const fields = blocks.flatMap((each) => each.fields?.map(({ text: field }) => field) ?? [])
  assert.ok(fields.includes('*Since*\n2026-01-31 23:50:00 UTC') && fields.includes('*Expected*\n0.021 to 0.034'))
})

test('no text of a Slack message is longer than Slack takes, however much of it has to be escaped', async () => {
  await using receiver = await httpReceiver()
  const long = '<'.repeat(5_000)
  await slackSender({ url: receiver.url, isPrivateAllowed: true }).send(
    message('9', { detail: long, reason: 'x'.repeat(5_000), subject: long }),
    NEVER,
  )
  const { blocks } = JSON.parse(receiver.received[0]!.body) as { blocks: { text?: { text: string }; fields?: { text: string }[] }[] }
  const fields = blocks.flatMap((each) => each.fields?.map(({ text }) => text) ?? [])
  const sections = blocks.flatMap(({ text }) => text?.text ?? [])
  assert.deepEqual([Math.max(...fields.map((text) => text.length)), sections.filter((text) => text.length > 3_000)], [2_000, []])
  for (const text of [...fields, ...sections].filter((each) => each.includes('&lt;'))) assert.match(text, /(?:&lt;)+…$/)
})

test('an e-mail has the same Message-ID when it is sent again, and an end answers its opening', async () => {
  await using receiver = await smtpReceiver()
  const sender = smtpSender({
    host: '127.0.0.1',
    port: receiver.port,
    from: 'FlowGuard <a@x.test>',
    to: ['b@x.test', 'c@x.test'],
    tls: 'off',
    login: undefined,
  })
  assert.match(await send(sender), /^250/)
  await send(sender)
  await sender.send(message('7', { state: 'resolved', resolved_at: '2026-02-01T01:55:00.000Z' }), NEVER)
  const [first, again, end] = receiver.mails as [string, string, string]
  const header = (mail: string, name: string) => new RegExp(`^${name}: (.*)\r$`, 'mi').exec(mail)?.[1]
  assert.equal(header(first, 'message-id'), header(again, 'message-id'))
  assert.equal(header(end, 'in-reply-to'), header(first, 'references'))
  assert.match(first, /^Subject: WARNING: Fewer clicks than usual \(7\)\r$/m)
  assert.match(first, /^To: b@x\.test, c@x\.test\r$/m)
  assert.match(end, /Lasted: +2 hours 5 minutes/)
})

test('a mail that is refused for good is passed; a login or a server that fails may be mended', async () => {
  const no = (code: number) => Object.assign(new Error('no'), { responseCode: code })
  const to = (port: number, more: object = {}) =>
    smtpSender({ host: '127.0.0.1', port, from: 'a@x.test', to: ['b@x.test'], tls: 'off', login: undefined, ...more })
  {
    await using receiver = await smtpReceiver({ onRcptTo: (_to, _session, callback) => callback(no(550)) })
    await assert.rejects(send(to(receiver.port)), refused(/550/))
  }
  {
    await using receiver = await smtpReceiver({ onRcptTo: (_to, _session, callback) => callback(no(451)) })
    await assert.rejects(send(to(receiver.port)), unavailable(/451/))
  }
  {
    await using receiver = await smtpReceiver({ authOptional: false, onAuth: (_auth, _session, callback) => callback(no(535)) })
    await assert.rejects(send(to(receiver.port, { login: { user: 'u', password: 'p' } })), unavailable(/535|TLS|auth/i))
    await assert.rejects(send(to(receiver.port, { tls: 'starttls' })), unavailable(/TLS/i))
  }
  await assert.rejects(send(to(1)), unavailable(/ECONNREFUSED/))
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  await assert.rejects(send(to((silent.address() as AddressInfo).port, { msMax: 200 })), unavailable(/not sent within 200 ms/))
  silent.close()
})

test('on the console an alert is one line, without what a terminal would obey, and without colour off a terminal', async () => {
  let line = ''
  const write = (text: string) => void (line = text)
  await consoleSender({ write, isColoured: false }).send(message('1', { title: 'a\u001b[31m\nb' }), NEVER)
  assert.match(line, /^WARNING: a \[31m b {2}Of 1,000 ads .* · measured 0\.003 · expected 0\.021 to 0\.034 .*\n$/)
  await consoleSender({ write, isColoured: true }).send(message('1', { severity: 'critical' }), NEVER)
  assert.ok(line.startsWith('\u001b[31m\u001b[1mCRITICAL: '))
})

test('what cannot be sent is told as one of two kinds', () => {
  assert.deepEqual(
    [new FlowGuardError('channel_unavailable', '').retriable, new FlowGuardError('channel_refused', '').retriable],
    [true, false],
  )
})
