import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../kernel/logging.ts'
import { START } from '../reader/testing/fixture.ts'
import { duckdbParquet } from './adapters/parquet-duckdb.ts'
import type { LakeFiles } from './files.ts'
import { bench } from './lake.fixture.ts'
import { readEntry } from './manifest.ts'
import { rewriteLake } from './rewrite.ts'
import { notePending } from './upkeep.ts'

function rewriter(at: ReturnType<typeof bench>, files: LakeFiles = at.files) {
  const folder = join(at.root, 'rewriting')
  mkdirSync(folder, { recursive: true })
  const parquet = duckdbParquet(join(at.root, 'tmp-rewrite'))
  const change = (row: { key: string | null; userId: string | null; text: string | null }) =>
    row.userId === 'u3' ? { key: 'nobody', userId: 'nobody', text: (row.text ?? '').replace('"u3"', '"nobody"') } : row
  return () =>
    rewriteLake({ files, parquet, folder, clock: () => START, logger: silentLogger, texts: ['u3'], change, onEntry: () => undefined })
}

const namesIn = async (files: LakeFiles, folder: string) => (await Array.fromAsync(files.list(folder))).map(({ name }) => name)

test('rows change where they lie: the lake is as whole as before, and holds nothing of what they were', async () => {
  await using at = bench()
  await at.clicks(60)
  const { parquet } = await at.fill(60)
  const before = await readEntry(at.files, 1)
  const rewrite = rewriter(at)
  assert.equal(await rewrite(), 3)
  assert.equal(await rewrite(), 0)
  const after = await readEntry(at.files, 1)
  assert.deepEqual({ ...after, files: [] }, { ...before, files: [] })
  assert.notEqual(after.files[0]!.name, before.files[0]!.name)
  assert.deepEqual((await namesIn(at.files, 'topic=raw.clicks.v1/')).sort(), after.files.map(({ name }) => name).sort())
  assert.deepEqual((await at.checked()).faults, [])
  const paths = after.files.map(({ name }) => join(at.root, 'lake', name))
  const users: string[] = []
  for await (const rows of parquet.read(paths, new AbortController().signal))
    for (const { text, contentHash } of rows) {
      users.push((JSON.parse(text as string) as { user_id: string }).user_id)
      assert.match(contentHash as string, /^hash of c\d+$/)
    }
  assert.deepEqual([users.filter((each) => each === 'nobody').length, users.filter((each) => each === 'u3').length], [3, 0])
  assert.equal(users.length, 60)
})

test('what a lake put for an entry that it did not come to make is removed: nobody would look at it', async () => {
  await using at = bench()
  await at.clicks(40)
  await at.fill(40)
  const [name] = await namesIn(at.files, 'topic=raw.clicks.v1/')
  const orphan = name!.replace(/[^/]+$/, 'orphan.parquet')
  await at.files.put(orphan, Buffer.from('of u3'))
  await notePending(at.files, 2, [orphan], START)
  await rewriter(at)()
  assert.ok(!(await namesIn(at.files, 'topic=raw.clicks.v1/')).includes(orphan))
  assert.deepEqual(await namesIn(at.files, '_pending/'), [])
})

test('cut off at any of its steps, it is done by the next call, and leaves no file behind', async () => {
  for (let good = 0; ; good += 1) {
    await using at = bench()
    await at.clicks(40)
    await at.fill(40)
    let calls = 0
    const failing = <T extends unknown[], R>(work: (...given: T) => Promise<R>) =>
      (async (...given: T) => {
        if ((calls += 1) > good) throw new Error('cut off')
        return work(...given)
      }) as (...given: T) => Promise<R>
    const cut = {
      ...at.files,
      put: failing((...given: Parameters<LakeFiles['put']>) => at.files.put(...given)),
      remove: failing((name: string) => at.files.remove(name)),
    }
    const isDone = await rewriter(at, cut)().then(
      () => true,
      () => false,
    )
    await rewriter(at)()
    const { files } = await readEntry(at.files, 1)
    assert.deepEqual((await namesIn(at.files, 'topic=raw.clicks.v1/')).sort(), files.map(({ name }) => name).sort(), `after ${good} steps`)
    assert.deepEqual(await namesIn(at.files, '_pending/'), [])
    assert.deepEqual((await at.checked()).faults, [])
    assert.equal(await rewriter(at)(), 0)
    if (isDone) break
  }
})
