import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LakeFile, LakeFiles } from './files.ts'

const bytes = (text: string) => Buffer.from(text)
const RACERS = 12
/** More than a page of a listing holds on S3. */
const MANY = 1_005

async function listed(files: LakeFiles, folder: string): Promise<LakeFile[]> {
  return Array.fromAsync(files.list(folder))
}

async function textOf(files: LakeFiles, name: string): Promise<string | undefined> {
  const found = await files.get(name)
  return found && Buffer.from(found).toString()
}

/** What every lake keeps. `open` gives an empty one at each call. */
export function lakeFilesConformance(name: string, open: () => Promise<LakeFiles>): void {
  test(`${name}: what was put is got, byte by byte, and what was not put is none`, async () => {
    await using files = await open()
    const all = Uint8Array.from({ length: 256 }, (_, at) => at)
    await files.put('topic=raw.clicks.v1/day=2026-01-31/hour=23/000000000001-a.parquet', all)
    const got = await files.get('topic=raw.clicks.v1/day=2026-01-31/hour=23/000000000001-a.parquet')
    assert.deepEqual([...(got ?? [])], [...all])
    assert.equal(await files.get('topic=raw.clicks.v1/day=2026-01-31/hour=23/none'), undefined)
    assert.equal(await files.get('none'), undefined)
  })

  test(`${name}: what is put again takes the place of what was there, and an empty file is a file`, async () => {
    await using files = await open()
    await files.put('a/b', bytes('first, and longer'))
    await files.put('a/b', bytes('second'))
    await files.put('a/empty', bytes(''))
    assert.equal(await textOf(files, 'a/b'), 'second')
    assert.equal(await textOf(files, 'a/empty'), '')
    assert.deepEqual(await listed(files, 'a/'), [
      { name: 'a/b', bytes: 6 },
      { name: 'a/empty', bytes: 0 },
    ])
  })

  test(`${name}: what may exist once is made once: another is refused, and the first stays`, async () => {
    await using files = await open()
    assert.equal(await files.create('_manifest/1', bytes('one')), true)
    assert.equal(await files.create('_manifest/1', bytes('two')), false)
    assert.equal(await textOf(files, '_manifest/1'), 'one')
    await files.put('a', bytes('put'))
    assert.equal(await files.create('a', bytes('made')), false)
  })

  test(`${name}: of ${RACERS} who make the same file at once, one does, and its bytes are there whole`, async () => {
    await using files = await open()
    const texts = Array.from({ length: RACERS }, (_, at) => `racer ${at} `.repeat(5_000))
    const made = await Promise.all(texts.map((text) => files.create('_manifest/1', bytes(text))))
    assert.equal(made.filter(Boolean).length, 1)
    assert.equal(await textOf(files, '_manifest/1'), texts[made.indexOf(true)])
  })

  test(`${name}: while a file is put over and over, whoever looks sees all of one or all of another`, async () => {
    await using files = await open()
    const texts = ['a'.repeat(300_000), 'b'.repeat(200_000)]
    await files.put('turning', bytes(texts[0] as string))
    let isOver = false
    const putting = (async () => {
      for (let turn = 0; turn < 20; turn += 1) await files.put('turning', bytes(texts[turn % 2] as string))
      isOver = true
    })()
    while (!isOver) assert.ok(texts.includes((await textOf(files, 'turning')) ?? ''))
    await putting
  })

  test(`${name}: a listing is of one folder and those in it, in the order of names, and of nothing where there is none`, async () => {
    await using files = await open()
    for (const each of ['b/2', 'b/10', 'b/c/1', 'a/1', 'b-c/1']) await files.put(each, bytes(each))
    assert.deepEqual(
      (await listed(files, 'b/')).map((each) => each.name),
      ['b/10', 'b/2', 'b/c/1'],
    )
    assert.deepEqual(
      (await listed(files, '')).map((each) => each.name),
      ['a/1', 'b-c/1', 'b/10', 'b/2', 'b/c/1'],
    )
    assert.deepEqual(await listed(files, 'none/'), [])
  })

  test(`${name}: a listing of more than a page is whole`, { timeout: 120_000 }, async () => {
    await using files = await open()
    const names = Array.from({ length: MANY }, (_, at) => `many/${String(at).padStart(6, '0')}`)
    for (let from = 0; from < MANY; from += 50) await Promise.all(names.slice(from, from + 50).map((each) => files.put(each, bytes('1'))))
    assert.deepEqual(
      (await listed(files, 'many/')).map((each) => each.name),
      names,
    )
  })

  test(`${name}: what was removed is gone, and may be removed again`, async () => {
    await using files = await open()
    await files.put('a/b', bytes('1'))
    await files.remove('a/b')
    await files.remove('a/b')
    assert.equal(await files.get('a/b'), undefined)
    assert.deepEqual(await listed(files, 'a/'), [])
    assert.equal(await files.create('a/b', bytes('2')), true)
  })
}
