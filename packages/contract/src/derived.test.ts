import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Alert } from './derived.ts'
import { Compile } from './schema.ts'

const alert = {
  alert_id: 'budget/a/2026-01-31',
  kind: 'budget_passed',
  severity: 'warning',
  title: 'a has passed its daily budget',
  detail: 'It trims nothing.',
  raised_at: '2026-01-31T12:00:00.000Z',
}

test('an alert says what all alerts say, and whatever its kind says besides', () => {
  assert.ok(Compile(Alert).Check(alert))
  assert.ok(Compile(Alert).Check({ ...alert, spent: 4, of_a_later_version: { any: ['thing'] } }))
})

test('what lacks a field of an alert, or has another severity, is none', () => {
  for (const name of Object.keys(alert)) assert.ok(!Compile(Alert).Check({ ...alert, [name]: undefined }), name)
  for (const severity of ['error', 'Warning', '', null]) assert.ok(!Compile(Alert).Check({ ...alert, severity }), String(severity))
  assert.ok(!Compile(Alert).Check('alert'))
})
