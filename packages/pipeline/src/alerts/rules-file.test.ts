import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { DAY_MS, MINUTE_MS } from '@flowguard/contract'
import { ROOT } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { eventually, temporaryFolder } from '../reader/testing/fixture.ts'
import { readAlertRules, watchedRules } from './rules-file.ts'

const SHIPPED = join(ROOT, 'config/alerts.yaml')

test('the file that ships is whole', () => {
  const rules = readAlertRules(SHIPPED)
  assert.equal(Object.keys(rules.fraud).length, 6)
  assert.equal(Object.keys(rules.pipeline).length, 7)
  assert.equal(Object.keys(rules.anomalies?.rules ?? {}).length, 6)
  assert.equal(rules.anomalies?.warmUpMs, 14 * DAY_MS)
  assert.deepEqual([rules.cooldownMs('order_value'), rules.cooldownMs('ctr')], [60 * MINUTE_MS, 10 * MINUTE_MS])
})

test('an empty file is one without rules; a known incident is in event time', () => {
  const empty = rulesIn('')
  assert.deepEqual([empty.fraud, empty.pipeline, empty.anomalies, empty.cooldownMs('ctr')], [{}, {}, undefined, 10 * MINUTE_MS])
  const { anomalies } = rulesIn(
    'anomalies: { warm_up_days: 1, sigmas: 4, rules: { ctr: { change: 0.5, volume: 9 } }, incidents: [{ from: 1970-01-01T00:00:01Z, to: 1970-01-01T00:00:02Z }] }',
  )
  assert.deepEqual(anomalies, {
    warmUpMs: DAY_MS,
    sigmas: 4,
    rules: { ctr: { changeMin: 0.5, volumeMin: 9 } },
    incidents: [{ from: 1_000, to: 2_000 }],
  })
})

const BROKEN: [why: string, text: string, ...said: RegExp[]][] = [
  [
    'a field out of range',
    'fraud:\n  orders_per_user:\n    at_least: 1\n    within_seconds: 300\n    severity: warning',
    /line 3: fraud\.orders_per_user\.at_least must be >= 2/,
  ],
  [
    'a window that a restart would forget',
    'fraud:\n  orders_per_user: { at_least: 2, within_seconds: 1801, severity: warning }',
    /line 2: fraud\.orders_per_user\.within_seconds must be <= 1800/,
  ],
  ['a misspelling', 'pipeline:\n  reader_stoped: { for_seconds: 4, severity: info }', /line 2: pipeline\.reader_stoped is not known here/],
  ['an unknown key', 'frauds: {}', /line 1: frauds is not known here/],
  ['what is missing', '# first\npipeline:\n  etl_failed: {}', /line 3: pipeline\.etl_failed\.severity is missing/],
  [
    'another severity',
    'pipeline:\n  etl_failed: { severity: bad }',
    /line 2: pipeline\.etl_failed\.severity must be one of info, warning, critical/,
  ],
  ['another type', 'cooldown: { minutes: ten }', /line 1: cooldown\.minutes must be number/],
  ['no mapping', '- a', /line 1: the file must be object/],
  ['no YAML', 'fraud: {', /line 1: is no YAML/],
  ['an alias of nothing', 'fraud: {}\ncooldown: *usual', /is no YAML: Unresolved alias/],
  ['a key twice', 'fraud: {}\nfraud: {}', /line 2: is no YAML: Map keys must be unique/],
  ['the cooldown of no rule', 'cooldown:\n  minutes: 1\n  rules: { ctrs: 5 }', /line 3: cooldown\.rules\.ctrs is no rule/],
  [
    'an incident that ends before it begins, and one of no time',
    'anomalies:\n  warm_up_days: 1\n  sigmas: 3\n  rules: {}\n  incidents:\n    - { from: 2026-01-02T00:00:00Z, to: 2026-01-01T00:00:00Z }\n    - { from: noon, to: x }',
    /line 6: anomalies\.incidents\[0\]\.to must be after from/,
    /line 7: anomalies\.incidents\[1\]\.from must be RFC 3339/,
  ],
  ['a channel that its own part refuses', 'channels:\n  - url: x', /line 2: channels\[0\]\.url must be an address/],
]

for (const [why, text, ...said] of BROKEN) {
  test(`what is wrong is named by line and field: ${why}`, () => {
    assert.throws(
      () => rulesIn(text),
      (error) => {
        assert.ok(error instanceof FlowGuardError && error.code === 'file_invalid')
        for (const each of said) assert.match(error.message, each)
        return true
      },
    )
  })
}

test('a file that is not there is named', () => {
  assert.throws(() => readAlertRules('/nowhere/alerts.yaml'), /\/nowhere\/alerts.yaml/)
})

test('rules follow the file; one that cannot be used leaves them as they were, until it is mended', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'alerts.yaml')
  const write = (text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  const stopped = (seconds: number) => `pipeline: { reader_stopped: { for_seconds: ${seconds}, severity: info } }`
  write(stopped(5))
  const rules = watchedRules(file, { logger: silentLogger })
  const secondsNow = () => rules.now().pipeline.reader_stopped?.for_seconds
  const stop = new AbortController()
  const watching = rules.watch(stop.signal)
  write(stopped(6))
  await eventually(() => secondsNow() === 6, 'it is read again')
  write(stopped(-1))
  await eventually(() => rules.fault() !== undefined, 'it is refused')
  assert.match(rules.fault() ?? '', /line 1: pipeline\.reader_stopped\.for_seconds must be >= 1/)
  assert.equal(secondsNow(), 6)
  write(stopped(7))
  await eventually(() => secondsNow() === 7, 'it is mended')
  assert.equal(rules.fault(), undefined)
  stop.abort()
  await watching
})

function rulesIn(text: string) {
  using folder = temporaryFolder()
  const file = join(folder.path, 'alerts.yaml')
  writeFileSync(file, text)
  return readAlertRules(file, (node) => (node === undefined ? [] : ['channels[0].url must be an address']))
}
