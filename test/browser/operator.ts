import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunDetail } from 'flowguard/answers'
import { visit } from '../support/browser.ts'
import { until } from '../support/machine.ts'
import { answer, skip, type Stage } from './stage.ts'

const LOADED_MS_MAX = 60_000
const RUN_MS_MAX = 60_000

export function operatorTests(stage: Stage): void {
  test('a backfill is planned, run and seen to its end', { skip }, async () => {
    const { consoleUrl, machine } = stage
    await until(
      'the orders are loaded',
      async () => {
        const body = JSON.stringify({ sql: 'select count(*) from bronze.orders_raw' })
        const response = await fetch(`${machine.opsUrl}/api/sql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
        return response.ok && Number(((await response.json()) as { rows: unknown[][] }).rows[0]?.[0]) >= 3
      },
      LOADED_MS_MAX,
    )
    await using operator = await visit(stage.browser)
    const { page } = operator
    await page.goto(`${consoleUrl}/etl`)
    const start = page.getByRole('button', { name: 'Start', exact: true })
    assert.equal(await start.isDisabled(), true, 'nothing is started that was not planned')
    await page.getByRole('button', { name: 'Plan' }).click()
    await page.getByText(/1 day of \d+ bronze rows, \d+ tables/).waitFor()
    await start.click()
    const run = page.getByRole('complementary', { name: /^Run \d+/ })
    await run.getByText('done', { exact: true }).waitFor({ timeout: RUN_MS_MAX })
    const id = new URL(page.url()).searchParams.get('run')
    const { state, steps, checks } = await answer<RunDetail>(`${machine.opsUrl}/api/etl/runs/${id}`)
    assert.deepEqual([state, checks.filter(({ failing_rows: rows }) => rows > 0)], ['done', []])
    for (const { model } of steps) await run.getByText(model, { exact: true }).first().waitFor()
    assert.deepEqual(operator.complaints(), [])
  })
}
