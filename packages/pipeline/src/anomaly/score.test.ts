import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAlertRules } from '../alerts/rules-file.ts'
import { ROOT } from '../kernel/config.ts'
import { ANOMALY_DEFAULTS } from './rules.ts'
import { AIM, meetsAim, scoreOf } from './testing/score.ts'

test('what is scored are the rules of the file that ships', () => {
  assert.deepEqual(readAlertRules(join(ROOT, 'config/alerts.yaml')).anomalies, ANOMALY_DEFAULTS)
})

const SEEDS = process.env['FLOWGUARD_SOAK'] ? Array.from({ length: 40 }, (_, at) => 500 + at) : [2, 31, 77]

for (const seed of SEEDS) {
  test(`of twenty incidents of five kinds at least ${AIM.found} are found, and a quiet week raises at most ${AIM.falseAlertsMax} (seed ${seed})`, () => {
    const score = scoreOf(seed)
    const missed = score.incidents.filter(({ afterMin }) => afterMin === null).map(({ what, minutes }) => `${what} for ${minutes} min`)
    assert.ok(meetsAim(score), JSON.stringify({ found: score.found, missed, falseAlerts: score.falseAlerts }))
    const alerts = score.incidents.map((each) => each.alerts)
    assert.ok(Math.max(...alerts) <= 2, `alerts of one incident: ${alerts.join(', ')}`)
  })
}
