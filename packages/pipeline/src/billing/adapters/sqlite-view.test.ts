import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { StatementLine } from '@flowguard/contract'
import { hasCode } from '../../kernel/errors.ts'
import { openPipelineStore } from '../../pipeline-store.ts'
import { START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { countersConformance } from '../counters.conformance.ts'
import { ADS } from '../testing/fixture.ts'
import { ads, charge, openedView } from '../testing/view.ts'
import { sqliteBillingView } from './sqlite-view.ts'

countersConformance('sqlite', async () => {
  const { view, charge: charged, count, stand, answer, ...at } = openedView()
  return {
    view,
    charge: async (...charges) => charged(...charges),
    count: async (...counted) => count(...counted),
    stand: async (...stood) => void stand(...stood),
    answer: async (...answered) => void (await answer(...answered)),
    [Symbol.asyncDispose]: async () => at[Symbol.dispose](),
  }
})

test('it says store_missing until the pipeline has run, and then answers', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'pipeline.db')
  using view = sqliteBillingView(path, ads)
  await assert.rejects(view.itemDay(1, '2026-01-31'), (error) => hasCode(error, 'store_missing'))
  await assert.rejects(view.adBill('cpc', 'f', 't'), (error) => hasCode(error, 'store_missing'))
  await assert.rejects(view.advertisers('f', 't'), (error) => hasCode(error, 'store_missing'))
  using _store = openPipelineStore(path, TOPICS, () => START)
  assert.equal((await view.itemDay(1, '2026-01-31')).clicks, 0)
})

const many = Array.from({ length: 301 }, (_, n) => ({ ...ADS[1]!, adId: `ad ${n}` as (typeof ADS)[number]['adId'] }))

/** A millisecond an asking, and an ad's charge each. */
function openedOfMany() {
  let ms = 0
  const at = openedView(
    () => (ms += 1),
    async () => many,
  )
  at.charge(...many.map(({ adId }) => charge(adId, '2026-01-31', { adId, amount: 1 })))
  return at
}

/** How often others had their turn meanwhile. */
async function turnsDuring<T>(work: Promise<T>): Promise<[T, number]> {
  let [turns, isOver] = [0, false]
  const counting = (async () => {
    for (; !isOver; turns += 1) await setImmediate()
  })()
  const found = await work.finally(() => (isOver = true))
  await counting
  return [found, turns]
}

test('while the bills of many ads are summed up, others have their turn every few milliseconds', async () => {
  using at = openedOfMany()
  const [{ advertisers, total }, turns] = await turnsDuring(at.view.advertisers('2026-01-31', '2026-01-31'))
  assert.deepEqual([advertisers.length, advertisers[0]?.cpc.count, total], [1, 301, 0.00301])
  assert.ok(turns >= 301 / 10, `${turns} turns`)
})

test('and while a statement is, or its file', async () => {
  using at = openedOfMany()
  const [statement, turns] = await turnsDuring(at.view.statement('advertiser', '2026-01-31', '2026-01-31'))
  assert.deepEqual([statement?.lines.length, statement?.ads.length, statement?.total], [301, 301, 0.00301])
  assert.ok(turns >= 301 / 10, `${turns} turns`)
  const [lines, more] = await turnsDuring(linesOf(at, '2026-01-31', '2026-01-31'))
  assert.deepEqual(lines, statement?.lines)
  assert.ok(more >= 301 / 10, `${more} turns`)
})

async function linesOf({ view }: ReturnType<typeof openedView>, from: string, to: string): Promise<StatementLine[]> {
  const lines: StatementLine[] = []
  for await (const some of (await view.lines('advertiser', from, to)) ?? []) lines.push(...some)
  return lines
}
