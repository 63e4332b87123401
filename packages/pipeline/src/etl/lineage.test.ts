import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../reader/testing/fixture.ts'
import { silentLogger } from '../kernel/logging.ts'
import { MODELS, openWarehouse } from './fixture.ts'
import { lineageOf, type RunEvent } from './lineage.ts'
import { lineageSender } from './lineage-sender.ts'
import { inOrder, parseModel } from './model.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const LINEAGE = lineageOf({ namespace: 'shop', warehouse: 'duckdb://shop', producer: 'urn:flowguard:test' })

interface Heard {
  path: string
  headers: IncomingHttpHeaders
  event: RunEvent
}

/** A receiver on this machine: `answer` says what it does with each. */
async function receiver(answer: () => number | 'never' = () => 201) {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      heard.push({ path: request.url ?? '', headers: request.headers, event: JSON.parse(String(Buffer.concat(parts))) as RunEvent })
      const status = answer()
      if (status !== 'never') response.writeHead(status).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    heard,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A warehouse whose runs are told to that address. */
async function told(url: string, postMsMax = 200) {
  const sender = lineageSender({ url, apiKey: 'key', logger: silentLogger, postMsMax })
  const checked = parseModel(
    'gold.checked',
    [
      '-- grain: one row an order. partition: date. reads: silver.orders_clean',
      '-- reopens: same day',
      '-- stop range: quantity 1..10',
      '-- column quantity: how many',
      '--',
      '-- For the test.',
      'select date, quantity from silver.orders_clean where date between :from_date and :to_date',
    ].join('\n'),
  )
  const w = await openWarehouse({
    models: inOrder([...MODELS.filter(({ name }) => name === 'silver.orders_clean'), checked]),
    lineage: {
      began: (run, models) => sender.send(LINEAGE.began(run, models)),
      ended: (run, models) => sender.send(LINEAGE.ended(run, models)),
    },
  })
  return Object.assign(w, { sender })
}

/** Of the form that the specification asks for: every event, every facet. */
function assertFits({ eventTime, producer, schemaURL, run, job, inputs, outputs }: RunEvent) {
  assert.equal(new Date(eventTime).toISOString(), eventTime)
  assert.equal(schemaURL, 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent')
  assert.match(run.runId, UUID)
  const facets = [run, job, ...inputs, ...outputs].flatMap((each) =>
    ['facets', 'inputFacets', 'outputFacets'].flatMap((kind) => Object.values((each as unknown as Record<string, object>)[kind] ?? {})),
  ) as { _producer: string; _schemaURL: string }[]
  for (const { _producer: by, _schemaURL: schema } of facets) {
    assert.equal(by, producer)
    assert.match(schema, /^https:\/\/openlineage\.io\/spec\/facets\/\d-\d-\d\/(\w+)\.json#\/\$defs\/\1$/)
  }
}

test('a run is told to an OpenLineage receiver: begun, each table with its columns and rows, the checks, and ended', async () => {
  await using to = await receiver()
  await using w = await told(`${to.url}/`)
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' }, { user_id: 'v', at: '2026-03-01 11:00:00' })
  await w.run('2026-03-01')
  await eventually(() => to.heard.length === 8, 'all events have come')
  const events = to.heard.map(({ event }) => event)
  assert.deepEqual(
    events.map(({ eventType, job }) => `${job.name} ${eventType}`),
    [
      'etl START',
      'silver.orders_clean START',
      'silver.orders_clean COMPLETE',
      'gold.checked START',
      'gold.checked COMPLETE',
      'etl.checks START',
      'etl.checks COMPLETE',
      'etl COMPLETE',
    ],
  )
  for (const event of events) assertFits(event)
  const [{ path, headers }] = to.heard as [Heard]
  assert.deepEqual([path, headers.authorization, headers['content-type']], ['/api/v1/lineage', 'Bearer key', 'application/json'])
  assert.equal(new Set(events.map(({ run }) => run.runId)).size, 4)
  const [whole, , silver, , gold, , checks] = events as [RunEvent, RunEvent, RunEvent, RunEvent, RunEvent, RunEvent, RunEvent]
  assert.deepEqual(whole.run.facets['nominalTime'], {
    ...(whole.run.facets['nominalTime'] as object),
    nominalStartTime: '2026-03-01T00:00:00.000Z',
    nominalEndTime: '2026-03-02T00:00:00.000Z',
  })
  assert.deepEqual((silver.run.facets['parent'] as { run: object }).run, { runId: whole.run.runId })
  assert.deepEqual(
    silver.inputs.map(({ namespace, name }) => `${namespace} ${name}`),
    ['duckdb://shop bronze.orders_raw', 'duckdb://shop bronze.attributed_raw', 'duckdb://shop ref.foods'],
  )
  const [output] = gold.outputs
  assert.deepEqual((output!.facets!['schema'] as { fields: object[] }).fields[1], {
    name: 'quantity',
    type: 'BIGINT',
    description: 'how many',
  })
  assert.equal((output!.facets!['documentation'] as { description: string }).description, 'one row an order. For the test.')
  assert.equal((output!.outputFacets!['outputStatistics'] as { rowCount: number }).rowCount, 2)
  const assertions = checks.inputs.find(({ name }) => name === 'gold.checked')?.inputFacets?.['dataQualityAssertions']
  assert.deepEqual((assertions as { assertions: object[] }).assertions, [{ assertion: 'range: quantity 1..10', success: true }])
  await w.sender[Symbol.asyncDispose]()
})

test('a run that keeps a day out has failed, with what it says; one that was cut off is aborted, under the number that it began with', async () => {
  await using to = await receiver()
  await using w = await told(to.url)
  await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00', quantity: 99 })
  await w.run('2026-03-01')
  await eventually(() => to.heard.some(({ event }) => event.eventType === 'FAIL' && event.job.name === 'etl'), 'it has failed')
  const failed = to.heard.find(({ event }) => event.eventType === 'FAIL' && event.job.name === 'etl')?.event
  assert.match((failed!.run.facets['errorMessage'] as { message: string }).message, /2026-03-01 was kept out of silver and gold/)
  await w.exec(`update etl.runs set state = 'running', ended_at = null`)
  await w.reopen()
  await w.etl().runs(1)
  await eventually(() => to.heard.some(({ event }) => event.eventType === 'ABORT'), 'it is aborted')
  const aborted = to.heard.find(({ event }) => event.eventType === 'ABORT')?.event
  assert.equal(aborted?.run.runId, failed!.run.runId)
  await w.sender[Symbol.asyncDispose]()
})

/** Where nobody listens. */
async function nowhere() {
  await using gone = await receiver()
  return gone.url
}

for (const what of ['is not there', 'refuses everything', 'never answers'] as const) {
  test(`a receiver that ${what} neither fails a run nor holds it up`, async () => {
    await using to = await receiver(() => (what === 'never answers' ? 'never' : 500))
    // One that is given up only long after the run.
    await using w = await told(what === 'is not there' ? await nowhere() : to.url, 60_000)
    await w.orders({ user_id: 'u', at: '2026-03-01 10:00:00' })
    const run = await w.run('2026-03-01')
    assert.deepEqual([run.state, run.error], ['done', null])
    if (what === 'never answers') assert.equal(to.heard.length, 1, 'the run did not wait for its events')
    const since = performance.now()
    await w.sender[Symbol.asyncDispose]()
    assert.ok(performance.now() - since < 10_000, 'nor does who stops')
  })
}

test('a name and a password in the address are told to the receiver, and to nobody else', async () => {
  await using to = await receiver()
  const sender = lineageSender({ url: to.url.replace('//', '//ravi:p%40ss@'), apiKey: '', logger: silentLogger })
  const [event] = LINEAGE.began({ run_id: 1, started_at: '2026-03-01 00:00:00', from_date: null, to_date: null } as never, [])
  sender.send([event as RunEvent])
  await sender[Symbol.asyncDispose]()
  assert.deepEqual(
    to.heard.map(({ headers }) => headers.authorization),
    [`Basic ${btoa('ravi:p@ss')}`],
  )
})

test('what waits for a receiver that is away is limited', async () => {
  await using to = await receiver(() => 'never')
  const sender = lineageSender({ url: to.url, apiKey: '', logger: silentLogger, postMsMax: 60_000 })
  const [event] = LINEAGE.began({ run_id: 1, started_at: '2026-03-01 00:00:00', from_date: null, to_date: null } as never, [])
  for (let at = 0; at < 3; at += 1) sender.send(Array.from({ length: 1_000 }, () => event as RunEvent))
  await sender[Symbol.asyncDispose]()
  assert.equal(to.heard.length, 1)
})
