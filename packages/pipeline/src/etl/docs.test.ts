import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../kernel/config.ts'
import { modelsPage } from './docs.ts'
import { MODELS, openWarehouse } from './fixture.ts'

test('docs/MODELS.md is what the models say; `npm run docs:models` writes it anew', async () => {
  await using w = await openWarehouse()
  const docs = await w.etl().models()
  assert.equal(readFileSync(join(ROOT, 'docs/MODELS.md'), 'utf8'), modelsPage(docs))
  const of = (name: string) => docs.find((each) => each.name === name)
  assert.deepEqual(of('silver.user_sessions')?.read_by, ['gold.user_funnel_metrics'])
  const column = (model: string, name: string) => of(model)?.columns.find((each) => each.name === name)
  assert.deepEqual(column('gold.ad_attribution', 'ctr'), { name: 'ctr', type: 'DOUBLE', about: 'clicks by impressions' })
  assert.equal(column('gold.user_funnel_metrics', 'date')?.about, column('silver.clicks_clean', 'date')?.about, 'as where it comes from')
  for (const { name, about, columns } of docs) {
    assert.ok(about.length > 0, `${name} says nothing of itself`)
    for (const each of columns) assert.notEqual(each.about, '', `${name} says nothing of ${each.name}`)
    const unknown = [...(MODELS.find((model) => model.name === name)?.columns.keys() ?? [])].filter(
      (each) => !columns.some((known) => known.name === each),
    )
    assert.deepEqual(unknown, [], `${name} has no such columns`)
  }
})
