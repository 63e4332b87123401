import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dayOf, isDay, parseTimestamp } from './time.ts'

const NOON = Date.UTC(2026, 0, 31, 12, 0, 0)

test('RFC 3339 in all its spellings', () => {
  const TIMES: [string, number][] = [
    ['2026-01-31T12:00:00Z', NOON],
    ['2026-01-31T12:00:00', NOON],
    ['2026-01-31t12:00:00z', NOON],
    ['2026-01-31 12:00:00Z', NOON],
    ['2026-01-31T12:00:00.5Z', NOON + 500],
    ['2026-01-31T12:00:00.05Z', NOON + 50],
    ['2026-01-31T12:00:00.123Z', NOON + 123],
    ['2026-01-31T12:00:00.123999999Z', NOON + 123],
    ['2026-01-31T12:00:00.123999999999', NOON + 123],
    ['2026-01-31T17:30:00+05:30', NOON],
    ['2026-01-31T17:30:00+0530', NOON],
    ['2026-01-31T07:00:00-05:00', NOON],
    ['2026-02-01T11:59:00+23:59', NOON],
    ['2026-01-31T12:00:00-00:00', NOON],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['1970-01-01T00:00:00.000Z', 0],
    ['1969-12-31T23:59:59.999Z', -1],
    ['9999-12-31T23:59:59.999Z', Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
  ]
  for (const [text, ms] of TIMES) assert.equal(parseTimestamp(text), ms, text)
})

test('a year below 100 is that year', () => {
  assert.equal(parseTimestamp('0017-05-01T00:00:00Z'), Date.parse('0017-05-01T00:00:00Z'))
})

test('what is no such time is none', () => {
  const none = [
    '',
    'now',
    '2026-01-31',
    '2026-01-31T12:00',
    '2026-01-31T12:00Z',
    '2026-1-31T12:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-32T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:61Z',
    '2026-01-31T12:00:00.Z',
    '2026-01-31T12:00:00,5Z',
    '2026-01-31T12:00:00.1234567890123Z',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00+05:60',
    '2026-01-31T12:00:00+5:30',
    '2026-01-31T12:00:00+05',
    '2026-01-31T12:00:00 Z',
    ' 2026-01-31T12:00:00Z',
    '2026-01-31T12:00:00Z\n',
    '+002026-01-31T12:00:00Z',
    '-2026-01-31T12:00:00Z',
    '２026-01-31T12:00:00Z',
    '1769860800',
  ]
  for (const text of none) assert.equal(parseTimestamp(text), undefined, JSON.stringify(text))
})

test('reads every instant that Date writes', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
      (date) => {
        assert.equal(parseTimestamp(date.toISOString()), date.getTime())
        assert.ok(isDay(dayOf(date.getTime())))
      },
    ),
    { numRuns: 5_000 },
  )
})

test('a zone shifts by exactly as much as it says', () => {
  const two = (n: number) => String(n).padStart(2, '0')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), fc.constantFrom(1, -1), (hours, minutes, sign) => {
      const ms = parseTimestamp(`2026-01-31T12:00:00${sign > 0 ? '+' : '-'}${two(hours)}:${two(minutes)}`)
      assert.equal(ms, NOON - sign * (hours * 60 + minutes) * 60_000)
    }),
  )
})

test('a day is that of UTC, and begins at midnight', () => {
  assert.equal(dayOf(NOON), '2026-01-31')
  assert.equal(dayOf(Date.UTC(2026, 1, 1) - 1), '2026-01-31')
  assert.equal(dayOf(Date.UTC(2026, 1, 1)), '2026-02-01')
  assert.equal(dayOf(-1), '1969-12-31')
})

test('a day is a date that there is', () => {
  for (const text of ['2026-01-31', '2024-02-29', '1970-01-01']) assert.equal(isDay(text), true, text)
  for (const text of ['2026-02-29', '2026-1-31', '2026-01-31T00:00:00Z', '', 'today', '2026-00-10', "2026-01-31'"])
    assert.equal(isDay(text), false, text)
})
