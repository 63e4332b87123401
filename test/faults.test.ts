import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { FAULTS } from '../scripts/faults.ts'

for (const { name, file, from, tests } of FAULTS) {
  test(`can still be planted: ${name}`, () => {
    assert.equal(readFileSync(join(ROOT, file), 'utf8').split(from).length, 2, `once in ${file}: ${from}`)
    for (const each of tests) assert.ok(existsSync(join(ROOT, each)), each)
  })
}
