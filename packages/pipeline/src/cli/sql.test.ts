import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import test, { after, before } from 'node:test'
import { openMachine, smallDay } from '../ops/fixture.ts'
import { needsReading } from '../warehouse/adapters/snowflake-sql.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { holding } from './testing/holder.ts'
import { run, temporaryFolder } from './testing/run.ts'

/** A folder that no process works on. */
let folder: ReturnType<typeof temporaryFolder>
before(async () => {
  folder = temporaryFolder()
  await using machine = openMachine(folder.path)
  await smallDay(machine)
})
after(() => folder[Symbol.dispose]())

const cli = (...args: string[]) => run([...args, '--data-dir', folder.path])

test('sql: a table, JSON or CSV, from the argument or from stdin', async () => {
  const statement = "select event_id, price, null as none, 'a,\"b' as odd from bronze.orders_raw where event_id = 'order-paid'"
  const table = await cli('sql', statement)
  assert.equal(table.code, 0, table.stderr)
  assert.match(table.stdout, /^event_id +price +none +odd\norder-paid +249.5 +null +a,"b\n$/)
  assert.deepEqual(JSON.parse((await cli('sql', statement, '--json')).stdout), [
    { event_id: 'order-paid', price: 249.5, none: null, odd: 'a,"b' },
  ])
  assert.equal((await cli('sql', statement, '--csv')).stdout, 'event_id,price,none,odd\norder-paid,249.5,,"a,""b"\n')
  const piped = await run(['sql', '--json', '--data-dir', folder.path], {
    stdin: () => Readable.from([Buffer.from('select 1 as a, 2 as a')]),
  })
  assert.deepEqual(JSON.parse(piped.stdout), [{ a: 1, a_2: 2 }])
})

test('sql: what is cut off is said, what does more than read is misuse, what is wrong fails', async () => {
  const cut = await cli('sql', 'from range(10)', '--limit', '2')
  assert.equal(cut.code, 0)
  assert.match(cut.stderr, /Only the first 2 rows/)
  for (const refused of ['drop table bronze.orders_raw', 'select 1; select 2', "select * from read_csv('/etc/passwd')", '']) {
    const { code, stdout } = await cli('sql', refused)
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' }, refused)
  }
  assert.match((await cli('sql', 'delete from bronze.places')).stderr, /DELETE is not a statement that only reads/)
  const wrong = await cli('sql', 'select * from nowhere')
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /nowhere does not exist/)
  assert.equal((await cli('sql', '--limit', '0', 'select 1')).code, 2)
})

test('sql: what the help and the advice tell people to ask is answered by both databases', async () => {
  const [help, { stderr: failed }] = await Promise.all([cli('sql', '--help'), cli('sql', 'select * from nowhere')])
  const told = [...help.stdout.matchAll(/ sql "(.*?)"/g), ...failed.matchAll(/`(.*)`/g)].map(([, statement]) => statement!)
  assert.equal(told.length, 3)
  for (const statement of told) {
    assert.doesNotThrow(() => needsReading(statement), statement)
    assert.notEqual((await cli('sql', statement, '--csv')).stdout.split('\n').length, 2, statement)
  }
  assert.match((await cli('sql', told.at(-1)!, '--csv')).stdout, /^bronze,orders_raw$/m)
  const { stderr: refused } = await cli('sql', 'delete from bronze.places')
  assert.throws(() => needsReading('from bronze.places'), /: SELECT, WITH, SHOW or DESCRIBE is$/)
  assert.match(refused, /SELECT, WITH, SHOW or DESCRIBE, in DuckDB FROM/)
})

test('trace and audit take the warehouse in', async () => {
  const trace = await cli('trace', 'order-paid')
  assert.match(trace.stdout, /loader +loaded into bronze\.orders_raw as [\w-]+\/raw\.orders\.v1-\d-\d+/)
  const audit = await cli('audit')
  assert.equal(audit.code, 0)
  assert.match(audit.stdout, /✓ bronze rows = applied by the loader/)
  assert.match(audit.stdout, /✓ bronze holds what the loader has read/)
})

test('a warehouse that was lost is found out, and made anew from what the logs keep', async () => {
  const before = await cli('sql', 'select event_id, raw_event from bronze.clicks_raw order by all', '--json')
  assert.match((await cli('warehouse', 'rebuild')).stderr, /--force moves it aside/)
  rmSync(folder.file(WAREHOUSE.file))
  const audit = await cli('audit', '--json')
  assert.equal(audit.code, 1)
  assert.deepEqual(
    (JSON.parse(audit.stdout) as { checks: { name: string; ok: boolean }[] }).checks.flatMap(({ name, ok }) => (ok ? [] : [name])),
    ['bronze holds what the loader has read'],
  )
  const trace = await cli('trace', 'order-paid')
  assert.match(trace.stdout, /loader +has read raw\.orders/)
  assert.equal((await cli('sql', 'select 1')).code, 1)
  const rebuilt = await cli('warehouse', 'rebuild')
  assert.equal(rebuilt.code, 0, rebuilt.stderr)
  assert.match(rebuilt.stdout, /Nothing is out of reach/)
  assert.equal((await cli('sql', 'select event_id, raw_event from bronze.clicks_raw order by all', '--json')).stdout, before.stdout)
  assert.equal((await cli('audit')).code, 0)
})

test('a rebuild where there is no log says so instead of waiting for one', { timeout: 30_000 }, async () => {
  using empty = temporaryFolder()
  const { code, stderr } = await run(['warehouse', 'rebuild', '--data-dir', empty.path])
  assert.equal(code, 1)
  assert.match(stderr, /there are no stores in/)
})

test('a rebuild says what retention has taken, by topic', async () => {
  using other = temporaryFolder()
  {
    await using machine = openMachine(other.path)
    await smallDay(machine)
    machine.setTime(Date.parse('2026-03-20T00:00:00Z'))
    await machine.click({ id: 'later', at: 1_600_000_000 })
    await machine.heartbeat(1_600_010_000)
    await machine.read()
    await machine.trimBefore(86_400_000, ['raw.clicks.v1'])
  }
  const { code, stdout } = await run(['warehouse', 'rebuild', '--force', '--data-dir', other.path])
  assert.equal(code, 0)
  assert.match(stdout, /raw\.clicks\.v1: \d+ records are out of reach, those before 2026-03-\d\d \d\d:\d\d:\d\d; they are no longer kept/)
  assert.doesNotMatch(stdout, /raw\.orders/)
})

test('where another process has the file, that process is asked', async () => {
  using other = temporaryFolder()
  {
    await using machine = openMachine(other.path)
    await smallDay(machine)
  }
  const asked: unknown[] = []
  await using server = createServer((request, response) => {
    void json(request).then((body) => {
      asked.push(body)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ columns: [{ name: 'a', type: 'INTEGER' }], rows: [[7]], truncated: false }))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const holder = await holding(other.path)
  try {
    const opsUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const answered = await run(['sql', 'select 7 as a', '--json', '--data-dir', other.path, '--ops-url', opsUrl])
    assert.deepEqual(JSON.parse(answered.stdout), [{ a: 7 }])
    assert.deepEqual(asked, [{ sql: 'select 7 as a', rows_max: 1_000, timeout_ms: 30_000 }])
    const nobody = ['--data-dir', other.path, '--ops-url', 'http://127.0.0.1:9']
    assert.match((await run(['sql', 'select 7 as a', ...nobody])).stderr, /the warehouse file is in use, and .* does not answer/)
    const audit = await run(['audit', ...nobody])
    assert.equal(audit.code, 0)
    assert.match(audit.stdout, /\? the warehouse could not be asked: the warehouse file is in use/)
  } finally {
    holder.kill('SIGKILL')
  }
})
