import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SnowflakeAddress } from '../../kernel/addresses.ts'
import { FlowGuardError, type ErrorCode } from '../../kernel/errors.ts'
import { snowflakeAccess } from '../testing/snowflake.ts'
import { connected, closed, type SnowflakeAccess } from './snowflake-connection.ts'
import { initSnowflake, lookAtSnowflake, openSnowflake } from './snowflake.ts'

const folder = mkdtempSync(join(tmpdir(), 'flowguard-signin-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))

const here = snowflakeAccess()
const key = readFileSync(here.address.keyFile as string, 'utf8')
const encrypted = join(folder, 'encrypted.p8')
writeFileSync(encrypted, createPrivateKey(key).export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'open it' }))
const other = join(folder, 'other.p8')
writeFileSync(other, generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }))
const curve = join(folder, 'curve.p8')
writeFileSync(curve, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }))

const at = (address: Partial<SnowflakeAddress>, more: Partial<SnowflakeAccess> = {}): SnowflakeAccess => ({
  ...here,
  ...more,
  address: { ...here.address, ...address },
})
const signIn = async (access: SnowflakeAccess) => closed(await connected(access, undefined, true))

test('the key signs in, with its passphrase where it has one, and so does a password where no key is named', async () => {
  await signIn(here)
  await signIn(at({ keyFile: encrypted }, { passphrase: 'open it' }))
  await signIn(at({ keyFile: undefined }, { password: 'flowguard-on-this-machine' }))
})

const REFUSED: readonly [what: string, SnowflakeAccess, ErrorCode, RegExp][] = [
  ["another's key", at({ keyFile: other }), 'warehouse_denied', /JWT token is invalid/],
  ['a key that is not there', at({ keyFile: join(folder, 'none') }), 'warehouse_denied', /cannot be read/],
  ['a key of another kind', at({ keyFile: curve }), 'warehouse_denied', /it is of ed25519/],
  ['a key without its passphrase', at({ keyFile: encrypted }), 'warehouse_denied', /PASSPHRASE is empty/],
  ['a wrong passphrase', at({ keyFile: encrypted }, { passphrase: 'no' }), 'warehouse_denied', /does not open it/],
  ['neither key nor password', at({ keyFile: undefined }), 'warehouse_denied', /no private_key_file, and SNOWFLAKE_PASSWORD is empty/],
  ['a wrong password', at({ keyFile: undefined }, { password: 'no' }), 'warehouse_denied', /Incorrect username or password/],
  ['another user', at({ user: 'nobody' }), 'warehouse_denied', /JWT token is invalid/],
  ['a role that the user has not', at({ role: 'NOBODY' }), 'warehouse_denied', /Role 'NOBODY'/],
  ['another account', at({ account: 'elsewhere' }), 'warehouse_denied', /is the account right/],
  ['nobody at the address', at({ accessUrl: 'http://127.0.0.1:9' }), 'warehouse_failed', /ECONNREFUSED/],
]
for (const [what, access, code, text] of REFUSED)
  test(`signing in with ${what}: ${code}`, async () => {
    await assert.rejects(signIn(access), (error) => {
      assert.ok(error instanceof FlowGuardError && error.code === code, String(error))
      assert.match(error.message, text)
      return true
    })
  })

test('without a database it is said that `warehouse init` makes it, which does so once', async () => {
  const access = snowflakeAccess()
  const { missing } = await lookAtSnowflake(access)
  assert.match(missing.join(), /there is no database/)
  await using warehouse = openSnowflake(access)
  await assert.rejects(warehouse.bronze.places(), (error) => {
    assert.ok(error instanceof FlowGuardError && error.code === 'warehouse_missing', String(error))
    assert.match(error.advice, /flowguard warehouse init/)
    return true
  })
  assert.equal((await initSnowflake(access)).length, 6)
  assert.deepEqual(await initSnowflake(access), [])
  assert.deepEqual((await lookAtSnowflake(access)).missing, [])
  assert.deepEqual(await warehouse.bronze.places(), [])
})
