import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { CLICKS, type AdvertiserBills, type DeadLetter, type Statement, type StatementEvents } from '@flowguard/contract'
import { alertBook } from '../alerts/book.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Keyed } from '../http/keys.ts'
import { silentLogger } from '../kernel/logging.ts'
import { transaction } from '../kernel/sqlite.ts'
import { READERS } from '../reader/readers.ts'
import type { AlertShown, AlertsPage } from './alerts.ts'
import type { Settled } from './dead-settle.ts'
import type { DeadList } from './dead.ts'
import { idleEtl, openMachine, smallDay, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import { askOf } from './ops.fixture.ts'
import { createOps, type Ops } from './server.ts'
import type { Stores } from './stores.ts'
import { reconcilingOver } from '../reconcile/reconciling.fixture.ts'
import type { Ask, TaskName } from './tasks.ts'

const folder = temporaryFolder()
const KEY_HASH = hash('sha256', 'the key')
let machine: TestMachine
let stores: Stores
let ops: Ops
let sent: DeadLetter[] = []
let isGatewayUp = true
const asked: TaskName[] = []

const bookOf = () => alertBook({ ...machine.pipeline, clock: () => T0 + 70_000, cooldownMs: () => 0 })
const start = (keyed: Keyed) =>
  createOps({
    stores,
    ask: (async (name: TaskName, ...args: readonly unknown[]) => {
      asked.push(name)
      return (askOf(machine.stores) as (name: TaskName, ...rest: readonly unknown[]) => Promise<unknown>)(name, ...args)
    }) as Ask,
    db: machine.pipeline.db,
    alerts: bookOf(),
    warehouse: machine.warehouse,
    etl: idleEtl(machine.warehouse),
    billing: machine.billing,
    reconciling: reconcilingOver(machine),
    exporting: () => Promise.reject(new FlowGuardError('warehouse_held', 'another one has it')),
    resend: async (letter) => {
      if (!isGatewayUp) throw new FlowGuardError('unreachable', 'nobody there')
      sent.push(letter)
      return { partition: 2, offset: 5 }
    },
    gatewayMetrics: async () => '',
    consoleDir: join(folder.path, 'console'),
    clock: () => T0 + 70_000,
    logger: silentLogger,
    version: '1.2.3',
    environment: 'test',
    keyed,
    hasKey: async (hash) => hash === KEY_HASH,
    corsOrigins: ['http://localhost:8080'],
    rateLimit: 0,
  })

before(async () => {
  machine = openMachine(folder.path)
  await smallDay(machine)
  stores = machine.stores()
  ops = await start('nothing')
})
after(async () => {
  await ops.close()
  await stores[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const get = async (url: string, app = ops.app, headers = {}) => {
  const { statusCode: status, body, headers: answered } = await app.inject({ url, headers })
  return {
    status,
    text: body,
    type: String(answered['content-type']),
    headers: answered,
    json: () => JSON.parse(body) as Record<string, unknown>,
  }
}
const post = async (url: string, body: unknown) => {
  const { statusCode: status, body: text } = await ops.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  })
  return { status, json: JSON.parse(text) as Record<string, unknown> }
}

test('the root links to what there is', async () => {
  const { links, service } = (await get('/')).json() as unknown as { links: Record<string, string>; service: string }
  assert.equal(service, 'flowguard-ops')
  for (const [name, path] of Object.entries(links)) {
    if (name !== 'trace') assert.equal((await get(path)).status, 200, path)
  }
})

test('it is alive, ready and healthy where the stores answer', async () => {
  assert.equal((await get('/livez')).status, 200)
  assert.deepEqual((await get('/readyz')).json(), { status: 'ready', checks: { log: 'ok', database: 'ok', pipeline: 'ok' } })
  const health = await get('/health/')
  assert.equal(health.status, 200)
  assert.equal(health.json()['status'], 'healthy')
  const { readers } = health.json()['checks'] as { readers: object }
  assert.deepEqual(
    Object.keys(readers),
    READERS.map(({ name }) => name),
  )
})

test('the summary, the readers and the topics are answered', async () => {
  const summary = (await get('/api/summary')).json()
  assert.equal(summary['events_total'], 15)
  assert.equal(summary['attributed'], 2)
  assert.ok('events_per_s' in summary)
  assert.equal(((await get('/api/groups')).json() as { readers: unknown[] }).readers.length, READERS.length)
  assert.equal(((await get('/api/topics')).json() as { topics: unknown[] }).topics.length, 9)
})

test('an event is traced, and one that is nowhere is a 404 that says where it was looked for', async () => {
  const found = await get('/api/trace/order-paid')
  assert.equal(found.status, 200)
  assert.equal(found.json()['order_id'], 'order-of-order-paid')
  const none = await get('/api/trace/nothing')
  assert.equal(none.status, 404)
  assert.ok(((none.json()['searched'] ?? []) as unknown[]).length > 0)
})

test('the books are looked through once for all who ask at once', async () => {
  asked.length = 0
  const [one, two] = await Promise.all([get('/api/audit'), get('/api/audit')])
  assert.equal(one.json()['balanced'], true)
  assert.equal(one.text, two.text)
  assert.deepEqual(asked, ['audit'])
})

test('records are browsed, and one is shown whole', async () => {
  const page = (await get('/api/topics/raw.clicks.v1/records?type=impression&from=0:99,1:99,2:99,3:99,4:99,5:99')).json()
  const [shown] = page['records'] as { partition: number; offset: number; event_id: string }[]
  assert.equal(shown?.event_id, 'shown')
  const whole = await get(`/api/topics/raw.clicks.v1/records/${shown.partition}/${shown.offset}`)
  assert.equal((whole.json()['decoded'] as { ad_id: string }).ad_id, 'cpm-1')
})

test('the live state comes over a connection that ends when the server does', async () => {
  const live = await start('nothing')
  const port = await live.listen({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`http://127.0.0.1:${port}/api/live`)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let told = ''
  while (!told.includes('event: state')) told += (await reader.read()).value ?? ''
  const data = told.slice(told.indexOf('data: ') + 6)
  const state = JSON.parse(data.slice(0, data.indexOf('\n\n'))) as {
    summary: { events_total: number }
    readers: unknown[]
    gateway: { up: boolean }
    alerts: { total: number; newest: number | null }
  }
  assert.equal(state.summary.events_total, 15)
  assert.equal(state.readers.length, READERS.length)
  assert.deepEqual([state.alerts.total, state.alerts.newest], [1, 0])
  await live.close()
  while (!(await reader.read()).done);
})

test('metrics are what the books say', async () => {
  const { text, type } = await get('/metrics')
  assert.match(type, /^text\/plain/)
  assert.match(text, /^flowguard_reader_lag\{reader="stream",topic="raw\.clicks\.v1",partition="0"\} 0$/m)
  assert.match(text, /^flowguard_reader_records_total\{reader="stream",outcome="dead"\} 1$/m)
  assert.match(text, new RegExp(`^flowguard_watermark_seconds ${(T0 + 50_000) / 1_000}$`, 'm'))
  assert.match(text, /^flowguard_orders_attributed_total 2$/m)
})

test('dead letters are listed, shown, sent again and given up', async () => {
  const list = (await get('/api/dead?limit=1')).json() as unknown as { total: number; letters: { dead_id: string }[]; next_after: string }
  assert.equal(list.total, 2)
  const next = (await get(`/api/dead?limit=1&after=${encodeURIComponent(list.next_after)}`)).json() as unknown as typeof list
  assert.notEqual(next.letters[0]?.dead_id, list.letters[0]?.dead_id)
  const id = list.letters[0]?.dead_id ?? ''
  assert.equal((await get(`/api/dead/${id}`)).json()['raw'], '{"event_type":"nonsense"}')
  assert.equal((await get('/api/dead/stream/none-0-0')).status, 404)

  isGatewayUp = false
  assert.equal((await post('/api/dead/retry', { all: true })).status, 503)
  isGatewayUp = true
  sent = []
  const settled = { letters: 2, records: 1, failed: [], sent_to: 'raw.clicks.v1-2@5' }
  assert.deepEqual((await post('/api/dead/retry', { dead_id: id, note: 'mended' })).json, settled)
  assert.equal(Buffer.from(sent[0]?.value_base64 ?? '', 'base64').toString(), '{"event_type":"nonsense"}')
  assert.equal((await get('/api/summary')).json()['dead'], 0)
  assert.deepEqual((await post('/api/dead/retry', { dead_id: id })).json, { letters: 0, records: 0, failed: [] })
  await machine.raw.append(CLICKS, [{ key: 'u6', value: '{"event_type":"odd"}', headers: {} }])
  await machine.read()
  for (const note of [undefined, ' ']) {
    const refused = await post('/api/dead/drop', { all: true, note })
    assert.deepEqual([refused.status, refused.json['errors']], [422, [{ field: '/note', message: 'is required: why nobody wants them' }]])
  }
  const dropped = { letters: 2, records: 1, failed: [] }
  assert.deepEqual((await post('/api/dead/drop', { all: true, note: 'a test of theirs' })).json, dropped)
  assert.equal((await get('/api/summary')).json()['dead'], 0)
})

test('many dead letters are settled round by round, and a choice that does not fit together is refused', async () => {
  for (const value of ['one', 'two', 'three']) await machine.raw.append(CLICKS, [{ key: 'u6', value, headers: {} }])
  await machine.read()
  const { total, as_of: asOf } = (await get('/api/dead?state=waiting&limit=1')).json() as unknown as DeadList
  assert.equal(total, 6)
  const drop = { all: true, note: 'a test of theirs', died_by: asOf, limit: 2 }
  const first = (await post('/api/dead/drop', drop)).json as unknown as Settled
  assert.deepEqual([first.letters, first.records, first.left, first.died_by], [4, 2, 2, asOf])
  const last = (await post('/api/dead/drop', { ...drop, after: first.next_after })).json as unknown as Settled
  assert.deepEqual([last.letters, last.left, last.next_after], [2, 0, null])
  for (const [more, field] of [
    [{ dead_id: 'x', limit: 1 }, '/limit'],
    [{ dead_id: 'x', died_by: asOf }, '/died_by'],
    [{ all: true, died_by: 'yesterday' }, '/died_by'],
    [{ all: true, after: '0:1' }, '/after'],
    [{ all: true, limit: 1, after: 'there' }, '/after'],
    [{ all: true, limit: 201 }, '/limit'],
    [{ all: true, limit: 0 }, '/limit'],
  ] as const) {
    const { status, json } = await post('/api/dead/retry', more)
    assert.deepEqual([status, (json['errors'] as { field: string }[])[0]?.field], [422, field], JSON.stringify(more))
  }
})

test('an edit that no reader knows is refused by its field, and nothing is sent or noted', async () => {
  await machine.raw.append(CLICKS, [{ key: 'u6', value: '{"event_type":"click"}', headers: {} }])
  await machine.read()
  const { letters } = (await get('/api/dead?state=waiting')).json() as unknown as { letters: { dead_id: string }[] }
  const id = letters[0]?.dead_id ?? ''
  const click = { event_type: 'click', event_id: 'mended', user_id: 'u6', ad_id: 'a', received_at: '', is_bot: false, ts: T0 }
  sent = []
  for (const [value, fields] of [
    ['{', ['']],
    ['[]', ['']],
    ['', ['']],
    [JSON.stringify({ ...click, user_id: undefined, ad_id: 7 }), ['/user_id', '/ad_id']],
    [JSON.stringify({ ...click, event_type: 'order' }), ['/event_type']],
    [JSON.stringify({ event_type: 'heartbeat', ts: T0 }), ['/event_type']],
    [JSON.stringify({ ...click, ts: T0 + 62_001 }), ['/ts']],
    [JSON.stringify({ ...click, note: 'half \ud800' }), ['/note']],
    [JSON.stringify({ ...click, note: 'x'.repeat(64 * 1024) }), ['/value']],
    [JSON.stringify({ ...click, user_id: 'u1', event_id: 'click-paid' }), ['/event_id']],
  ] as const) {
    const { status, json } = await post('/api/dead/retry', { dead_id: id, value })
    assert.deepEqual([status, (json['errors'] as { field: string }[]).map(({ field }) => field)], [422, fields], value.slice(0, 200))
  }
  for (const more of [{ all: true }, { dead_id: id, reason: 'id_conflict' }]) {
    assert.equal((await post('/api/dead/retry', { ...more, value: '{}' })).status, 422)
  }
  assert.equal((await post('/api/dead/drop', { dead_id: id, value: '{}', note: 'why' })).status, 422)
  assert.deepEqual(sent, [])
  assert.equal((await get('/api/summary')).json()['dead'], 2)
  const answer = await post('/api/dead/retry', { dead_id: id, value: JSON.stringify(click, null, 2) })
  assert.deepEqual(answer.json, { letters: 2, records: 1, failed: [], sent_to: 'raw.clicks.v1-2@5' })
  assert.equal((await get('/api/summary')).json()['dead'], 0)
})

test('alerts are told: a budget that was passed, with the way to its bill', async () => {
  const { alerts, ...page } = (await get('/api/alerts')).json() as unknown as AlertsPage
  assert.deepEqual(page, { total: 1, open: 0, groups: [{ kind: 'budget_passed', severity: 'warning', count: 1 }], next_after: null })
  const { ad_id: ad, advertiser_id: advertiser, date, spent } = alerts[0]!.alert
  assert.deepEqual([ad, advertiser, date, spent], ['cpa-1', 'a2', '2026-03-01', 25])
  assert.deepEqual((await get('/api/alerts?kind=anomaly&limit=1')).json()['alerts'], [])
  assert.deepEqual((await get('/api/alerts?after=0')).json()['alerts'], [])
})

test('an open alert is acknowledged and resolved, with the key alone; what was told once, and what is over, is not', async () => {
  const id = `clicks_per_user/u/7 & co/${T0}`
  const raised = {
    rule: 'clicks_per_user',
    kind: 'fraud',
    subject: 'u/7 & co',
    severity: 'warning',
    title: 't',
    detail: 'd',
    reason: 'r',
    at: T0,
  } as const
  transaction(machine.pipeline.db, () => bookOf().raise(raised))
  const url = `/api/alerts/${encodeURIComponent(id)}`
  const guarded = await start('changes')
  for (const act of ['acknowledge', 'resolve'])
    assert.equal((await guarded.app.inject({ method: 'POST', url: `${url}/${act}` })).statusCode, 401, act)
  await guarded.close()
  assert.equal((await get(url)).json()['acknowledged_at'], null)
  const acknowledged = await post(`${url}/acknowledge`, { note: 'on it' })
  assert.deepEqual([acknowledged.status, acknowledged.json['note']], [200, 'on it'])
  assert.match((await get('/metrics')).text, /flowguard_alerts_open\{kind="fraud"\} 1/)
  assert.equal((await post(`${url}/resolve`, { note: 7 })).status, 422)
  const resolved = await ops.app.inject({ method: 'POST', url: `${url}/resolve` })
  assert.deepEqual([resolved.statusCode, resolved.json<AlertShown>().alert.resolved_by], [200, 'operator'])
  assert.equal((await post(`${url}/resolve`, {})).status, 409)
  const [budget] = ((await get('/api/alerts?kind=budget_passed')).json() as unknown as AlertsPage).alerts
  assert.equal((await post(`/api/alerts/${encodeURIComponent(budget!.alert.alert_id)}/resolve`, {})).status, 409)
  assert.equal((await post('/api/alerts/none/acknowledge', {})).status, 404)
  assert.equal((await get('/api/alerts/none')).status, 404)
  assert.match((await get('/metrics')).text, /flowguard_alerts_open\{kind="fraud"\} 0/)
  const { total } = (await get('/api/alerts?state=resolved')).json() as unknown as AlertsPage
  assert.equal(total, 1)
})

test('while somebody else writes for long, what an operator does is refused, to be tried again', async () => {
  const { db } = machine.pipeline
  const other = new DatabaseSync(db.location() as string)
  other.exec('begin immediate')
  db.exec('pragma busy_timeout = 50')
  try {
    const refused = await post('/api/alerts/any/acknowledge', {})
    assert.deepEqual([refused.status, refused.json['code']], [503, 'store_busy'])
  } finally {
    db.exec('pragma busy_timeout = 5000')
    other.close()
  }
})

test('bills lead from every advertiser to the event ids, as JSON and as files', async () => {
  const range = 'from=2026-03-01&to=2026-03-31'
  const list = (await get(`/api/v1/billing/advertisers?${range}`)).json() as unknown as AdvertiserBills
  assert.deepEqual(
    list.advertisers.map(({ advertiser_id: id, ads, cpa, credit, total }) => [id, ads, cpa.amount, credit.amount, total]),
    [
      ['a1', 2, 0, 0, 10.09],
      ['a2', 1, 25, -25, 0],
    ],
  )
  assert.equal(list.as_of, new Date(T0 + 50_000).toISOString())
  const statement = (await get(`/api/v1/billing/advertisers/a1?${range}`)).json() as unknown as Statement
  assert.deepEqual([statement.total, statement.lines.length], [10.09, 2])
  const line = statement.lines.find(({ kind }) => kind === 'cpc')
  const events = (await get(line?.events_url ?? '')).json() as unknown as StatementEvents
  assert.deepEqual(
    events.events.map(({ event_id: id }) => id),
    ['click-paid', 'click-repeat'],
  )
  const file = await get(`/api/v1/billing/advertisers/a2?${range}&format=csv`)
  assert.match(file.type, /^text\/csv/)
  assert.equal(file.headers['content-disposition'], 'attachment; filename="statement-a2-2026-03-01-2026-03-31.csv"')
  assert.equal(
    file.text,
    'advertiser_id,ad_id,date,kind,count,amount\r\na2,cpa-1,2026-03-01,cpa,1,25\r\na2,cpa-1,2026-03-01,credit,1,-25\r\n',
  )
  // The limit is a page's, and a file has no pages.
  const ids = await get(`${line?.events_url}&limit=1&format=csv`)
  assert.deepEqual(
    ids.text
      .split('\r\n')
      .slice(1, -1)
      .map((row) => row.split(',')[3]),
    ['click-paid', 'click-repeat'],
  )
  assert.equal((await get(`/api/v1/billing/advertisers?${range}&format=csv`)).text.split('\r\n').length, 4)
  assert.equal((await get('/api/v1/billing/advertisers/nobody?format=csv')).status, 404)
})

test('what is asked wrongly is a problem with its reason', async () => {
  for (const [url, status] of [
    ['/api/dead?limit=0', 422],
    ['/api/dead?state=odd', 422],
    ['/api/nothing', 404],
    ['/api/topics/none/records', 404],
    ['/api/topics/raw.clicks.v1/records/0/99999', 404],
    ['/api/topics/raw.clicks.v1/records/x/y', 404],
    ['/api/topics/raw.clicks.v1/records?limit=1001', 422],
    ['/api/topics/raw.clicks.v1/records?limit=0', 422],
    ['/api/topics/raw.clicks.v1/records?time=noon', 422],
    ['/api/topics/raw.clicks.v1/records?from=0', 422],
    ['/api/topics/raw.clicks.v1/records?order=odd', 422],
    ['/api/topics/raw.clicks.v1/records?unknown=1', 422],
    ['/api/alerts?limit=0', 422],
    ['/api/alerts?limit=501', 422],
    ['/api/alerts?after=-1', 422],
    ['/api/alerts?severity=odd', 422],
    ['/api/alerts?kind=', 422],
    ['/api/alerts?unknown=1', 422],
    ['/api/alerts?state=odd', 422],
    ['/api/v1/billing/advertisers?from=yesterday', 422],
    ['/api/v1/billing/advertisers?from=2026-03-02&to=2026-03-01', 422],
    ['/api/v1/billing/advertisers?format=pdf', 422],
    ['/api/v1/billing/advertisers/nobody', 404],
    ['/api/v1/billing/ads/cpc-1/events?kind=odd', 422],
  ] as const) {
    const answer = await get(url)
    assert.equal(answer.status, status, url)
    assert.match(answer.type, /^application\/problem\+json/)
  }
  assert.equal((await post('/api/dead/drop', {})).status, 422)
  assert.equal((await post('/api/dead/drop', { everything: true })).status, 422)
  assert.equal((await post('/api/dead/retry', [])).status, 422)
  assert.equal((await post('/api/summary', {})).status, 405)
})

test('beyond this machine everything needs a key, but how it does', async () => {
  const guarded = await start('everything')
  for (const path of ['/health', '/metrics']) assert.equal((await get(path, guarded.app)).status, 200, path)
  for (const path of [
    '/api/summary',
    '/api/groups',
    '/api/topics',
    '/api/dead',
    '/api/trace/order-paid',
    '/api/audit',
    '/api/dead/x/y',
    '/api/live',
    '/api/alerts',
    '/api/v1/billing/advertisers',
    '/api/v1/billing/advertisers/a1?format=csv',
    '/api/v1/billing/ads/cpc-1/events?kind=cpc',
    '/api/topics/raw.clicks.v1/records',
  ])
    assert.equal((await get(path, guarded.app)).status, 401, path)
  for (const url of ['/api/dead/retry', '/api/dead/drop'])
    assert.equal((await guarded.app.inject({ method: 'POST', url, payload: '{}' })).statusCode, 401, url)
  assert.equal((await get('/api/dead', guarded.app, { authorization: 'Bearer another' })).status, 401)
  assert.equal((await get('/api/dead', guarded.app, { authorization: 'Bearer the key' })).status, 200)
  await guarded.close()
})

test('the console may call it from its own origin', async () => {
  assert.equal(
    (await get('/api/summary', ops.app, { origin: 'http://localhost:8080' })).headers['access-control-allow-origin'],
    'http://localhost:8080',
  )
})
