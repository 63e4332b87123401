import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { dashboardFiles } from '../scripts/dashboards/all.ts'
import { startMachine, until, type Machine } from './support/machine.ts'
import { runTool, startPrometheus } from './support/prometheus.ts'

const CONFIG = join(ROOT, 'config/prometheus')
const files = (pattern: string) => globSync(pattern, { cwd: CONFIG }).map((file) => join(CONFIG, file))
/** What Grafana puts in the place of its own names, where it looks each second. */
const RATE_INTERVAL = '10s'
const PANELS_MS_MAX = 120_000

async function passes(...args: string[]) {
  const { code, output } = await runTool('promtool', args)
  assert.equal(code, 0, output)
}

test('Prometheus takes each configuration and rule', async () => {
  for (const file of files('prometheus*.yml')) await passes('check', 'config', file)
  await passes('check', 'rules', ...files('rules/*.yml'))
})

test('each alert fires where it should, and not where it should not', async () => {
  await passes('test', 'rules', ...files('tests/*.yml'))
  const alerts = [...readFileSync(join(CONFIG, 'rules/alerts.yml'), 'utf8').matchAll(/- alert: (\w+)$/gm)].map(([, name]) => name as string)
  assert.ok(alerts.length > 0)
  const tests = readFileSync(join(CONFIG, 'tests/alerts.yml'), 'utf8')
  const tried = (alert: string, expected: string) => new RegExp(`alertname: ${alert}\n +exp_alerts:${expected}\n`).test(tests)
  const guide = readFileSync(join(ROOT, 'docs/MONITORING_GUIDE.md'), 'utf8')
  for (const alert of alerts) {
    assert.ok(tried(alert, '') && tried(alert, ' \\[\\]'), `${alert} is tested both ways`)
    assert.ok(guide.includes(`### ${alert}\n`), `${alert} is in the guide`)
  }
})

/** Customers, and what makes those panels say something that are empty while all is well. */
async function feed({ gatewayUrl }: Machine, round: number) {
  const send = (path: string, body: object) =>
    fetch(`${gatewayUrl}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const user_id = (round % 7) + 1
  await Promise.all([
    send('/api/v1/clicks', { ad_id: 'ad_crispy_burger_match_night', item_id: 7, user_id }),
    send('/api/v1/orders', { item_id: 7, user_id, event_id: `order-${round >> 1}` }),
    send('/api/v1/orders', { item_id: 0 }),
    send('/events', { event_type: 'page_view', user_id }),
    send('/events', { event_type: 'purchase', user_id }),
  ])
}

test('each panel of each dashboard shows something of a FlowGuard that runs', async () => {
  // The lake, too, writes something down in that time.
  await using machine = await startMachine({ env: { LAKE_AGE_MS: '2000' } })
  const { GATEWAY_PORT, CATALOG_PORT, OPS_PORT } = machine.env
  // The configuration of `up`, on this machine's ports, looking each second.
  const config = readFileSync(join(CONFIG, 'prometheus.yml'), 'utf8')
    .replace(/_interval: \d+s/g, '_interval: 1s')
    .replace('rules/*.yml', join(CONFIG, 'rules/*.yml'))
    .replace('127.0.0.1:8000', `127.0.0.1:${GATEWAY_PORT}`)
    .replace('127.0.0.1:8001', `127.0.0.1:${CATALOG_PORT}`)
    .replace('127.0.0.1:8080', `127.0.0.1:${OPS_PORT}`)
  await using prometheus = await startPrometheus(config)
  const books = await fetch(`${machine.opsUrl}/api/audit`)
  assert.equal(((await books.json()) as { balanced: boolean }).balanced, true)

  type Panel = { title: string; panels?: Panel[]; targets?: { expr: string }[] }
  const queries = [...dashboardFiles()].flatMap(([file, text]) =>
    (JSON.parse(text) as { panels: Panel[] }).panels
      .flatMap((panel) => [panel, ...(panel.panels ?? [])])
      .flatMap(({ title, targets }) => (targets ?? []).map(({ expr }) => ({ where: `${file}, ${title}`, expr }))),
  )
  assert.ok(queries.length > 50)
  let silent = queries
  let round = 0
  const wanting = async () => {
    await feed(machine, (round += 1))
    const answers = await Promise.all(silent.map(({ expr }) => prometheus.values(expr.replaceAll('$__rate_interval', RATE_INTERVAL))))
    silent = silent.filter((_, at) => answers[at]?.length === 0)
    return silent.length === 0
  }
  await until('each panel has data', wanting, PANELS_MS_MAX).catch((error: unknown) => {
    assert.fail(`${String(error)}; empty: ${silent.map(({ where, expr }) => `${where}: ${expr}`).join('\n')}`)
  })
})
