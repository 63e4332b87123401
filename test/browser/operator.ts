import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Audit, DeadList, RunDetail, Trace } from 'flowguard/answers'
import { visit } from '../support/browser.ts'
import { until } from '../support/machine.ts'
import { answer, bury, operatorKey, skip, type Stage } from './stage.ts'

const LOADED_MS_MAX = 60_000
const RUN_MS_MAX = 60_000

const MENDED_MS_MAX = 30_000

export function operatorTests(stage: Stage): void {
  test(
    'a dead letter is edited, retried and gone; what was sent in its place is worked off, and all of it is recorded',
    { skip },
    async () => {
      const { consoleUrl, machine } = stage
      const eventId = await bury(machine)
      const letters = async (state: string) =>
        (await answer<DeadList>(`${machine.opsUrl}/api/dead?state=${state}`)).letters.filter((letter) => letter.event_id === eventId)
      await until('it is buried', async () => (await letters('waiting')).length === 1, MENDED_MS_MAX)

      await using operator = await visit(stage.browser)
      const { page } = operator
      await page.goto(`${consoleUrl}/dead`)
      await page
        .getByRole('table')
        .getByRole('button', { name: /^raw.events.v1-/ })
        .first()
        .click()
      const letter = page.getByRole('complementary')
      // A customer's text is shown as text.
      await letter.getByText('<img src=x onerror=alert(1)>').first().waitFor()
      await letter.getByRole('button', { name: 'Edit and retry' }).click()
      const text = letter.getByRole('textbox', { name: 'The event to send in its place' })
      const send = letter.getByRole('button', { name: 'Send in its place' })
      const sent = async () => {
        const answered = page.waitForResponse((response) => response.url().endsWith('/api/dead/retry'))
        await send.click()
        return (await answered).status()
      }
      assert.equal(await sent(), 401, 'nothing is changed without the key')
      const dialog = page.getByRole('dialog', { name: 'Operator’s key' })
      await dialog.getByText(/needs the operator’s key/).waitFor()
      await dialog.getByLabel('Key', { exact: true }).fill(operatorKey(machine))
      await dialog.getByRole('button', { name: 'Use this key' }).click()
      assert.equal(await sent(), 422, 'what its reader would bury again is not sent')
      await letter
        .getByRole('status')
        .getByText(/amount/)
        .waitFor()
      assert.equal((await letters('waiting')).length, 1)
      const edited = JSON.parse(await text.inputValue()) as { properties: Record<string, unknown> }
      edited.properties['amount'] = 398.5
      await text.fill(JSON.stringify(edited, null, 2))
      await letter.getByRole('textbox', { name: 'Note' }).fill('the amount was on the receipt')
      assert.equal(await sent(), 200)
      await page.getByText('Nothing waits for you').waitFor()
      assert.deepEqual(await letters('waiting'), [])
      const [settled] = await letters('retried')
      await letter.getByText('the amount was on the receipt').waitFor()
      await until(
        'the edited event is worked off',
        async () => /processed/.test((await answer<Trace>(`${machine.opsUrl}/api/trace/${eventId}`)).outcome.join()),
        MENDED_MS_MAX,
      )
      assert.ok(settled)
      const { balanced } = await answer<Audit>(`${machine.opsUrl}/api/audit`)
      assert.equal(balanced, true)
      // The refused tries are told to the browser, too.
      assert.deepEqual(operator.complaints(/status of (401|422)/), [])
    },
  )

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
    await page.goto(`${consoleUrl}/etl#key=${operatorKey(machine)}`)
    assert.equal(new URL(page.url()).hash, '', 'the key does not stay in the address')
    const start = page.getByRole('button', { name: 'Start', exact: true })
    assert.equal(await start.isDisabled(), true, 'nothing is started that was not planned')
    await page.getByRole('button', { name: 'Plan' }).click()
    await page.getByText(/\d+ days? of \d+ bronze rows, \d+ tables/).waitFor()
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
