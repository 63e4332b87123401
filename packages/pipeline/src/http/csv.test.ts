import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { csvLine, sendCsv, type CsvRow } from './csv.ts'

test('a row ends as RFC 4180 has it, and a cell with a comma, a quote or a line in it is quoted', () => {
  assert.equal(csvLine(['plain', 'a,b', 'say "so"', 'two\r\nlines', '', null]), 'plain,"a,b","say ""so""","two\r\nlines",,\r\n')
  assert.equal(csvLine([' spaced ', 'a;b', { a: 1 }]), '" spaced ","a;b","{""a"":1}"\r\n')
})

test('numbers stay numbers, also below 0 and as text, and what is not known is empty', () => {
  const row = [-4.5, 0, 1e-7, 12_345_678.12345, '-12345678901234567890.25', '-1e5', null, true]
  assert.equal(csvLine(row), '-4.5,0,1e-7,12345678.12345,-12345678901234567890.25,-1e5,,true\r\n')
})

test('no text becomes a formula in a spreadsheet', () => {
  for (const text of ['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', '=HYPERLINK("http://x";"y")', '-', '＝1+1'])
    assert.equal(csvLine([text]), `"'${text.replaceAll('"', '""')}"\r\n`)
  assert.equal(csvLine(['a=1', "'=1"]), "a=1,'=1\r\n")
})

test('rows are sent as a file whose name is safe, and what fails at first is no file', async () => {
  const app = Fastify()
  async function* rows(): AsyncGenerator<CsvRow[]> {
    yield [['a', 1]]
    yield [['b', 2]]
  }
  // eslint-disable-next-line require-yield
  async function* broken(): AsyncGenerator<CsvRow[]> {
    throw new Error('not now')
  }
  app.get('/rows', (_request, reply) => sendCsv(reply, { name: 'of "a"/\r\nb', columns: ['x', 'n'], batches: rows() }))
  app.get('/held', (_request, reply) => sendCsv(reply, { name: 'b', columns: ['x'], batches: [[['a']], [['b']]] }))
  app.get('/broken', (_request, reply) => sendCsv(reply, { name: 'b', columns: ['x'], batches: broken() }))
  const { body, headers } = await app.inject('/rows')
  assert.equal(body, 'x,n\r\na,1\r\nb,2\r\n')
  assert.match(String(headers['content-type']), /^text\/csv; charset=utf-8/)
  assert.equal(headers['content-disposition'], 'attachment; filename="of_a_b.csv"')
  assert.equal((await app.inject('/held')).body, 'x\r\na\r\nb\r\n')
  assert.equal((await app.inject('/broken')).statusCode, 500)
  await app.close()
})
