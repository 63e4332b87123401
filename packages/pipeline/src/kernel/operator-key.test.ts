import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { hasCode } from './errors.ts'
import { isOperatorsKey, OPERATOR_KEY_FILE, operatorKeyIn, readOperatorKey } from './operator-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'flowguard-key-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('a data folder has one key, made at its first use, for its owner to read', () => {
  const dataDir = join(folder, 'new')
  assert.equal(readOperatorKey(dataDir), undefined)
  const key = operatorKeyIn(dataDir)
  assert.match(key, /^fg_op_[\w-]{43}$/)
  assert.deepEqual([operatorKeyIn(dataDir), readOperatorKey(dataDir)], [key, key])
  assert.deepEqual(readdirSync(dataDir), [OPERATOR_KEY_FILE], 'nothing is left beside it')
  if (process.platform !== 'win32') assert.equal(statSync(join(dataDir, OPERATOR_KEY_FILE)).mode & 0o777, 0o600)
  const isOperators = isOperatorsKey(dataDir)
  assert.deepEqual([isOperators(hash('sha256', key)), isOperators(hash('sha256', `${key}x`)), isOperators('')], [true, false, false])
})

test('a folder that cannot be written is said', () => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  assert.throws(
    () => operatorKeyIn(file),
    (error: Error) => hasCode(error, 'store_unwritable') && error.message.includes(OPERATOR_KEY_FILE),
  )
})
