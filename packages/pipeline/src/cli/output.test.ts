import assert from 'node:assert/strict'
import test from 'node:test'
import { bytes, colorsFor, createOutput, dateTime, duration, printable, table } from './output.ts'

const sink = (isTTY: boolean) => ({
  text: '',
  isTTY,
  columns: 20,
  write(part: string) {
    this.text += part
  },
})
const CLEAR = '\r\u001b[2K'

test('colour is for a terminal without NO_COLOR', () => {
  assert.notEqual(colorsFor(sink(true), {}).red('x'), 'x')
  assert.notEqual(colorsFor(sink(true), { NO_COLOR: '' }).red('x'), 'x')
  assert.equal(colorsFor(sink(true), { NO_COLOR: '1' }).red('x'), 'x')
  assert.equal(colorsFor(sink(true), { TERM: 'dumb' }).red('x'), 'x')
  assert.equal(colorsFor(sink(false), {}).red('x'), 'x')
})

test('a table lines up its columns, whatever the colour in them', () => {
  const plain = colorsFor(sink(false), {})
  const bright = colorsFor(sink(true), {})
  const columns = [{ title: 'name' }, { title: 'n', align: 'right' as const }, { title: 'x' }]
  const rows = (c: typeof plain) => [
    ['a', c.red('1'), ''],
    [c.green('long name'), '1,000', 'y'],
  ]
  assert.equal(table(columns, rows(plain), plain), ['name           n  x', 'a              1', 'long name  1,000  y'].join('\n'))
  // oxlint-disable-next-line no-control-regex -- colours are taken out to compare
  assert.equal(table(columns, rows(bright), bright).replaceAll(/\u001b\[\d+m/g, ''), table(columns, rows(plain), plain))
})

test('progress is one line rewritten on a terminal, and ended before the next text', () => {
  let now = 0
  const stderr = sink(true)
  const out = createOutput({ stdout: sink(true), stderr, env: {}, isJson: false, now: () => now })
  out.progress('one')
  out.progress('too soon')
  now = 200
  out.progress('a text that is longer than the terminal is wide')
  out.note('done')
  assert.equal(stderr.text, `${CLEAR}one${CLEAR}a text that is long\ndone\n`)
})

test('off a terminal progress is a line every few seconds, and none for what is done at once', () => {
  let now = 1_000_000
  const stderr = sink(false)
  const out = createOutput({ stdout: sink(false), stderr, env: {}, isJson: false, now: () => now })
  for (let step = 0; step < 120; step += 1) {
    out.progress(`${step}`)
    now += 100
  }
  out.endProgress()
  assert.equal(stderr.text, '50\n100\n')
  for (let second = 0; second < 150; second += 1) {
    out.progress(`at ${second}`, 60_000)
    now += 1_000
  }
  assert.equal(stderr.text, '50\n100\nat 58\nat 118\n')
})

test('figures are for people', () => {
  assert.deepEqual([0, 999, 4_321, 59_949, 754_000, 8_040_000, 90_000_000].map(duration), [
    '0 ms',
    '999 ms',
    '4.3 s',
    '59.9 s',
    '12 min 34 s',
    '2 h 14 min',
    '1 d 1 h',
  ])
  assert.deepEqual([0, 1_023, 1_536, 5 * 1024 ** 3].map(bytes), ['0 B', '1023 B', '1.5 KiB', '5.0 GiB'])
  assert.equal(dateTime('2026-01-02T03:04:05.678Z'), '2026-01-02 03:04:05')
})

test('what a client sent cannot change the terminal', () => {
  assert.equal(printable('a\u001b[31mb\u0007\nc\u009b2Jd'), 'ab··cd')
})
