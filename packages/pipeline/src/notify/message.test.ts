import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationText, messageOf, textOf } from './message.ts'
import { alert, message } from './testing/alerts.ts'

test('a message says what, since when, what was expected and why, what to do, and where to look', () => {
  assert.equal(
    textOf(message('7')),
    `WARNING: Fewer clicks than usual (7)

Of 1,000 ads shown 3 were clicked. Look whether the ads are shown where they can be seen.

Since:    2026-01-31 23:50:00 UTC
Subject:  campaign spring
Measured: 0.003
Expected: 0.021 to 0.034
Reason:   of the last 4 weeks at this hour
Rule:     ctr
Kind:     anomaly

http://127.0.0.1:8080/alerts?id=7`,
  )
})

test('one that is over says so, and how long it lasted', () => {
  const { heading, facts } = message('7', { state: 'resolved', resolved_at: '2026-02-02T01:50:00.000Z' })
  assert.equal(heading, 'Resolved: Fewer clicks than usual (7)')
  assert.deepEqual(facts[1], ['Lasted', '1 day 2 hours'])
})

test('an alert that says little is told all the same, and one that says too much is cut', () => {
  const { facts } = messageOf(
    { alert_id: 'a', kind: 'k', severity: 'info', title: 't', detail: '', raised_at: 'soon' },
    { id: 'i', consoleUrl: 'http://c/' },
  )
  assert.deepEqual(facts, [
    ['Since', 'soon'],
    ['Kind', 'k'],
  ])
  const long = messageOf(alert('a', { title: 'é\n'.repeat(5_000), detail: 'x'.repeat(5_000) }), { id: 'i', consoleUrl: 'http://c/' })
  assert.ok(long.heading.length < 250 && !long.heading.includes('\n') && long.detail.length === 2_000)
  const one = messageOf(alert('a', { expected: { low: null, high: 5 }, value: 12_345_678 }), { id: 'i', consoleUrl: 'http://c' })
  assert.deepEqual(
    one.facts.filter(([name]) => ['Measured', 'Expected'].includes(name)),
    [
      ['Measured', '12,345,700'],
      ['Expected', 'at most 5'],
    ],
  )
})

test('how long it lasted is told in its two greatest units', () => {
  const told = [0, 499, 1_000, 61_000, 3_600_000, 90_061_000, 172_800_000].map(durationText)
  assert.deepEqual(told, ['less than a second', 'less than a second', '1 second', '1 minute 1 second', '1 hour', '1 day 1 hour', '2 days'])
})
