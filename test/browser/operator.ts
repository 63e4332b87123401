import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AlertsPage, Audit, DeadList, RunDetail, Trace } from 'flowguard/answers'
import { DESKTOP, PHONE, visit } from '../support/browser.ts'
import { until } from '../support/machine.ts'
import { answer, bury, operatorKey, skip, type Stage } from './stage.ts'

const LOADED_MS_MAX = 60_000
const RUN_MS_MAX = 60_000

const MENDED_MS_MAX = 30_000
/** The watermark has to pass the orders. */
const TOLD_MS_MAX = 60_000
/** More than config/alerts.yaml takes for usual within five minutes. */
const FLOOD = 9

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

  test('a flood of orders comes into the open alerts by itself, is acknowledged, and is resolved', { skip }, async () => {
    const { consoleUrl, machine } = stage
    await using operator = await visit(stage.browser)
    const { page } = operator
    await page.goto(`${consoleUrl}/alerts#key=${operatorKey(machine)}`)
    for (let n = 0; n < FLOOD; n += 1) {
      const body = JSON.stringify({ item_id: 7, user_id: 'u-flood' })
      await fetch(`${machine.gatewayUrl}/api/v1/orders`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    }
    const openNow = async () => (await answer<AlertsPage>(`${machine.opsUrl}/api/alerts?state=open`)).alerts
    await until('it is told', async () => (await openNow()).some(({ alert }) => alert.subject === 'u-flood'), TOLD_MS_MAX)
    const open = page.getByRole('region', { name: 'Open now' })
    const row = open.getByRole('row', { name: /User u-flood has placed/ })
    await row.waitFor({ timeout: MENDED_MS_MAX })
    await page.setViewportSize(PHONE)
    const acknowledge = row.getByRole('button', { name: /^Acknowledge/ })
    const { x, width } = (await acknowledge.boundingBox()) ?? { x: Infinity, width: 0 }
    assert.ok(x + width <= PHONE.width, 'it can be reached with a thumb')
    await acknowledge.click()
    await row.getByText('acknowledged', { exact: true }).waitFor()
    await page.setViewportSize(DESKTOP)
    await page.goto(consoleUrl)
    await page.getByRole('link', { name: /^\d+ open alerts?$/ }).click()
    await row.getByRole('button', { name: /^User u-flood/ }).click()
    const aside = page.getByRole('complementary', { name: 'Alert' })
    await aside.getByText(/up to 5 is usual/).waitFor()
    await aside.getByRole('textbox', { name: 'Note' }).fill('a test of ours')
    await aside.getByRole('button', { name: 'Resolve' }).click()
    await aside.getByText('resolved', { exact: true }).first().waitFor()
    await row.waitFor({ state: 'detached' })
    const { alerts } = await answer<AlertsPage>(`${machine.opsUrl}/api/alerts?kind=fraud&state=resolved`)
    const [mine] = alerts.filter(({ alert }) => alert.subject === 'u-flood')
    assert.deepEqual([mine?.note, mine?.alert.resolved_by], ['a test of ours', 'operator'])
    assert.deepEqual(operator.complaints(), [])
  })

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
