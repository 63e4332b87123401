import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { hasCode, type ErrorCode } from '../../kernel/errors.ts'
import { silentLogger } from '../../kernel/logging.ts'
import type { LakeFiles } from '../files.ts'
import { lakeFilesConformance } from '../files.conformance.ts'
import { bench, NEVER } from '../lake.fixture.ts'
import { check } from '../contents.ts'
import { commit } from '../commit.ts'
import { proveFence } from '../upkeep.ts'
import { duckdbParquet } from './parquet-duckdb.ts'
import { s3Lake } from './s3.ts'

const endpoint = engineAddress('s3')
const [key, secret] = ['FLOWGUARD_TEST_S3_KEY', 'FLOWGUARD_TEST_S3_SECRET'].map((name) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is what the S3 at ${endpoint} takes`)
  return value
}) as [string, string]
Object.assign(process.env, { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret })

const bucket = `flowguard-test-${randomUUID().slice(0, 8)}`

/** An empty one: a prefix of its own in the bucket of this run. */
async function open(): Promise<LakeFiles> {
  const { CreateBucketCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1' })
  await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: Error) => {
    if (!/BucketAlready/.test(error.name)) throw error
  })
  client.destroy()
  const files = s3Lake({ bucket, prefix: `lake/${randomUUID()}`, endpoint })
  return {
    ...files,
    async [Symbol.asyncDispose]() {
      for await (const { name } of files.list('')) await files.remove(name)
      await files[Symbol.asyncDispose]()
    },
  }
}

lakeFilesConformance('s3', open)

async function codeOf(work: () => Promise<unknown>): Promise<ErrorCode | undefined> {
  const codes = ['lake_missing', 'lake_denied', 'lake_unavailable'] as const
  return work().then(
    () => undefined,
    (error: unknown) => codes.find((code) => hasCode(error, code)),
  )
}

test('a bucket that is not there, a key that is refused and a store that does not answer are told apart', async () => {
  await using files = await open()
  await files.put('a', Buffer.from('1'))
  const missing = s3Lake({ bucket: `${bucket}-none`, prefix: '', endpoint })
  assert.equal(await codeOf(() => missing.put('a', Buffer.from('1'))), 'lake_missing')
  assert.equal(await codeOf(() => missing.get('a')), 'lake_missing')
  assert.equal(await codeOf(() => Array.fromAsync(missing.list(''))), 'lake_missing')
  process.env['AWS_SECRET_ACCESS_KEY'] = 'another'
  const denied = s3Lake({ bucket, prefix: '', endpoint })
  assert.equal(await codeOf(() => denied.put('a', Buffer.from('1'))), 'lake_denied')
  process.env['AWS_SECRET_ACCESS_KEY'] = secret
  const away = s3Lake({ bucket, prefix: '', endpoint: 'http://127.0.0.1:9' })
  assert.equal(await codeOf(() => away.put('a', Buffer.from('1'))), 'lake_unavailable')
})

test('a lake on S3 is whole, and its fence holds', async () => {
  await using files = await open()
  await using lab = bench()
  await proveFence(files)
  await lab.clicks(500)
  const one = await lab.fill(500, { files, rowsMax: 200 })
  const parquet = duckdbParquet(`${lab.root}/tmp-s3`)
  const found = await check({ files, parquet, folder: `${lab.root}/fetched-s3`, signal: NEVER, onEntry: () => undefined })
  assert.deepEqual([found.rows, found.faults], [500, []])
  // As one that was held up since before the last entry.
  using stage = one.parquet.stage(() => lab.log.id)
  const stand = { number: found.entries - 1, places: [] }
  await assert.rejects(commit({ files, clock: () => 0, logger: silentLogger, onPut: () => undefined }, stand, stage, NEVER), (error) =>
    hasCode(error, 'place_moved'),
  )
})
