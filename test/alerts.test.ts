import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AlertsPage } from 'flowguard/answers'
import { startMachine, until } from './support/machine.ts'

const TOLD_MS_MAX = 60_000
const FLOOD = 30

const rules = (stopped: string) => `
cooldown: { minutes: 10 }
fraud:
  orders_per_user: { at_least: 5, within_seconds: 5, severity: critical }
pipeline:
  reader_stopped: { for_seconds: ${stopped}, severity: critical }
`

test('a flood of orders, a reader that stands still and a broken file are told once each, by whichever process sees them, and end by themselves', async () => {
  await using machine = await startMachine({ idle: true })
  const file = join(machine.dataDir, 'alerts.yaml')
  writeFileSync(file, rules('4'))
  machine.env['ALERTS_FILE'] = file
  // Parts in processes of their own write one book.
  await Promise.all((['edge', 'ops', 'stream', 'notifier'] as const).map((name) => machine.start(name)))
  const alertsOf = async (rule: string) => {
    const { alerts } = (await (await fetch(`${machine.opsUrl}/api/alerts`)).json()) as AlertsPage
    return alerts.map(({ alert }) => alert).filter((alert) => alert.rule === rule)
  }
  const has = (rule: string, state: 'open' | 'resolved', subject?: string) => async () =>
    (await alertsOf(rule)).some((alert) => alert.state === state && (subject ?? alert.subject) === alert.subject)

  for (let n = 0; n < FLOOD; n += 1) {
    const body = JSON.stringify({ item_id: 7, user_id: 'u-flood' })
    const answer = await fetch(`${machine.gatewayUrl}/api/v1/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    assert.equal(answer.status, 201)
  }
  await until('the flood is told', has('orders_per_user', 'open', 'u-flood'), TOLD_MS_MAX)
  // Nobody runs billing here.
  await until('billing stands still', has('reader_stopped', 'open', 'billing'), TOLD_MS_MAX)
  await machine.start('billing')
  await until('billing reads', has('reader_stopped', 'resolved', 'billing'), TOLD_MS_MAX)
  await until('the flood is over', has('orders_per_user', 'resolved', 'u-flood'), TOLD_MS_MAX)
  const flood = await alertsOf('orders_per_user')
  assert.deepEqual([flood.length, flood[0]?.count, flood[0]?.value], [1, FLOOD - 4, FLOOD])

  writeFileSync(file, rules('none'))
  await until('the file is broken', has('alerts_file', 'open'), TOLD_MS_MAX)
  assert.match((await alertsOf('alerts_file'))[0]?.reason ?? '', /line 6: pipeline\.reader_stopped\.for_seconds must be integer/)
  const [{ alert_id: id } = { alert_id: '' }] = await alertsOf('alerts_file')
  const { code } = await machine.cli('alerts', 'ack', id, '--note', 'on it')
  assert.equal(code, 0)
  writeFileSync(file, rules('5'))
  await until('the file is mended', has('alerts_file', 'resolved'), TOLD_MS_MAX)
})

test('what cannot be followed is not started with: the line is named', async () => {
  await using machine = await startMachine({ idle: true })
  const file = join(machine.dataDir, 'alerts.yaml')
  writeFileSync(file, rules('-1'))
  machine.env['ALERTS_FILE'] = file
  const { code, stderr } = await machine.cli('run', 'notifier')
  assert.equal(code, 1)
  assert.match(stderr, /alerts\.yaml: line 6: pipeline\.reader_stopped\.for_seconds must be >= 1/)
})
