import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Request } from 'playwright-core'
import type { DeadList } from 'flowguard/answers'
import { COLORS, overflow, PHONE, violations, visit } from '../support/browser.ts'
import { until } from '../support/machine.ts'
import { PAGES, seenPage } from './pages.ts'
import { answer, bury, skip, type Stage } from './stage.ts'

/** A document that is not there is said to the browser, too. */
const NOT_FOUND = /status of 404 .*\/(food\/999|nowhere)\)$/
/** As they come over the wire, compressed. */
const STORE_SCRIPT_BYTES_MAX = 200_000
const CONSOLE_BYTES_MAX = 400_000

export function everyPageTests(stage: Stage): void {
  describe('every page', { skip }, () => everyPage(stage))
}

function everyPage(stage: Stage): void {
  before(async () => {
    await bury(stage.machine)
    const waiting = () => answer<DeadList>(`${stage.machine.opsUrl}/api/dead?state=waiting`)
    await until('a letter waits', async () => (await waiting()).letters.length > 0)
  })

  for (const each of PAGES) {
    test(
      `${each.name}: nothing that axe finds, nothing complained of, nothing from elsewhere, nothing wider than the screen`,
      {
        skip,
      },
      async () => {
        const own = new Set([stage.storeUrl, stage.consoleUrl, stage.machine.gatewayUrl].map((url) => new URL(url).host))
        await using seen = await visit(stage.browser, { colorScheme: 'light', reducedMotion: 'reduce' })
        const { page } = seen
        await seenPage(page, stage, each)
        assert.deepEqual(await violations(page), [], 'light')
        await page.emulateMedia({ colorScheme: 'dark' })
        assert.deepEqual(await violations(page, COLORS), [], 'dark')
        await page.setViewportSize(PHONE)
        assert.equal(await overflow(page), 0)
        assert.deepEqual(await violations(page), [], 'dark, on a phone')
        assert.deepEqual(seen.complaints(NOT_FOUND), [])
        assert.deepEqual(
          seen.hosts().filter((host) => !own.has(host)),
          [],
        )
      },
    )
  }

  test('a first visit loads little', { skip }, async (t) => {
    const loaded = async (url: string, counts: (request: Request) => boolean) => {
      await using seen = await visit(stage.browser)
      const finished: Request[] = []
      seen.context.on('requestfinished', (request) => finished.push(request))
      await seen.page.goto(url)
      await seen.page
        .getByText(/Orders & outbox|The whole menu/)
        .first()
        .waitFor()
      await seen.page.evaluate('document.fonts.ready')
      const sizes = await Promise.all(finished.filter(counts).map((request) => request.sizes()))
      return sizes.reduce((sum, { responseBodySize: bytes }) => sum + bytes, 0)
    }
    const script = await loaded(stage.storeUrl, (request) => request.resourceType() === 'script')
    const first = await loaded(stage.consoleUrl, (request) => !request.url().includes('/api/'))
    t.diagnostic(`the store's scripts ${script} bytes, the console with all that it needs ${first}`)
    assert.ok(script > 50_000 && script < STORE_SCRIPT_BYTES_MAX, `${script}`)
    assert.ok(first > 50_000 && first < CONSOLE_BYTES_MAX, `${first}`)
  })
}
