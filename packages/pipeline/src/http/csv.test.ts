import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { csvLine, sendCsv, type CsvRow } from './csv.ts'

test('a row is RFC 4180: what holds a comma, a quote or a line break is quoted', () => {
  assert.equal(csvLine(['plain', 'a,b', 'say "so"', 'two\nlines', '', null]), 'plain,"a,b","say ""so""","two\nlines",,\r\n')
})

test('a text that begins like a formula is none in a spreadsheet, and a figure stays one', () => {
  assert.equal(csvLine(['=1+1', '+1', '-1', '@sum', '\tx', '=HYPERLINK("x")']), `'=1+1,'+1,'-1,'@sum,'\tx,"'=HYPERLINK(""x"")"\r\n`)
  assert.equal(csvLine([-0.00001, 1e-5, 0, 12_345_678.12345]), '-0.00001,0.00001,0,12345678.12345\r\n')
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
  app.get('/broken', (_request, reply) => sendCsv(reply, { name: 'b', columns: ['x'], batches: broken() }))
  const { body, headers } = await app.inject('/rows')
  assert.equal(body, 'x,n\r\na,1\r\nb,2\r\n')
  assert.match(String(headers['content-type']), /^text\/csv; charset=utf-8/)
  assert.equal(headers['content-disposition'], 'attachment; filename="of_a_b.csv"')
  assert.equal((await app.inject('/broken')).statusCode, 500)
  await app.close()
})
