import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { hasCode } from '../../kernel/errors.ts'
import { lakeFilesConformance } from '../files.conformance.ts'
import { folderLake } from './folder.ts'

lakeFilesConformance('folder', async () => {
  const root = mkdtempSync(join(tmpdir(), 'flowguard-lake-'))
  return { ...folderLake(root), [Symbol.asyncDispose]: async () => rmSync(root, { recursive: true, force: true }) }
})

function folderOf(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'flowguard-lake-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  return root
}

test('what a process that died had begun to write is seen by nobody, and is gone an hour later', async (t) => {
  const root = folderOf(t)
  const aside = join(root, '.aside')
  mkdirSync(aside)
  for (const name of ['old', 'young']) writeFileSync(join(aside, name), 'half a fi')
  utimesSync(join(aside, 'old'), 0, 0)
  const files = folderLake(root)
  await files.put('a', Buffer.from('1'))
  assert.deepEqual(await Array.fromAsync(files.list('')), [{ name: 'a', bytes: 1 }])
  assert.deepEqual(readdirSync(aside), ['young'])
})

test('a folder that is none, and one that may not be written, are told with what to do', async (t) => {
  const root = folderOf(t)
  writeFileSync(join(root, 'file'), '')
  await assert.rejects(folderLake(join(root, 'file')).put('a', Buffer.from('1')), (error) => hasCode(error, 'store_unwritable'))
  if (process.getuid?.() === 0) return
  const closed = join(root, 'closed')
  mkdirSync(closed)
  chmodSync(closed, 0o500)
  await assert.rejects(folderLake(closed).put('a', Buffer.from('1')), (error) => hasCode(error, 'store_unwritable'))
})
