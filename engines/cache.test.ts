import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { installed } from './cache.ts'

const cache = mkdtempSync(join(tmpdir(), 'flowguard-cache-'))
beforeEach(() => {
  rmSync(cache, { recursive: true, force: true })
  process.env['FLOWGUARD_ENGINES'] = cache
})
after(() => rmSync(cache, { recursive: true, force: true }))

let madeCount = 0
async function make(aside: string): Promise<void> {
  madeCount += 1
  await Promise.resolve()
  writeFileSync(join(aside, 'program'), 'whole')
}

test('what is installed is not installed again', async () => {
  madeCount = 0
  const folder = await installed('engine-1', make)
  assert.equal(folder, join(cache, 'engine-1'))
  assert.equal(await installed('engine-1', make), folder)
  await installed('engine-2', make)
  assert.equal(madeCount, 2)
})

test('an install that fails leaves nothing that could be taken for one', async () => {
  await assert.rejects(
    installed('engine-1', (aside) => {
      writeFileSync(join(aside, 'program'), 'half')
      return Promise.reject(new Error('the network is gone'))
    }),
    /the network is gone/,
  )
  assert.deepEqual(readdirSync(cache), ['engine-1.lock'])
  assert(existsSync(join(await installed('engine-1', make), 'program')))
})

test('what an install that was killed has left is cleared away', async () => {
  mkdirSync(join(cache, 'engine-1.4711.part'), { recursive: true })
  mkdirSync(join(cache, 'engine-1.4711.part-tools'))
  const folder = await installed('engine-1', make)
  assert.deepEqual(readdirSync(cache).toSorted(), ['engine-1', 'engine-1.lock'])
  assert.deepEqual(readdirSync(folder), ['program'])
})

test('two installs at once make it once', async () => {
  madeCount = 0
  const [first, second] = await Promise.all([installed('engine-1', make), installed('engine-1', make)])
  assert.equal(first, second)
  assert.equal(madeCount, 1)
})
