import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { dashboardFiles, FOLDER } from '../scripts/dashboards/all.ts'

test('the dashboards that are committed are what the code makes (npm run dashboards)', () => {
  const made = dashboardFiles()
  assert.deepEqual(readdirSync(join(ROOT, FOLDER)).toSorted(), [...made.keys()].toSorted())
  for (const [name, text] of made) assert.equal(readFileSync(join(ROOT, FOLDER, name), 'utf8'), text, name)
})
