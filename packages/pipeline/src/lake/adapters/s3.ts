import type * as Driver from '@aws-sdk/client-s3'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { LakeFile, LakeFiles } from '../files.ts'

export interface S3Options {
  bucket: string
  /** Before every name; '' is none. */
  prefix: string
  /** Of a store that is not Amazon's: its buckets are folders of the address, and not names of hosts. Undefined: Amazon's own. */
  endpoint: string | undefined
  /** What the driver finds for itself (environment, profile, machine) where it is undefined. */
  region?: string | undefined
}

const REQUEST_MS_MAX = 60_000
/** By the driver itself, beyond which whoever asked tries again. */
const TRIES_MAX = 3
/** What a store that is not Amazon's mostly wants to be told, whatever it is. */
const REGION = 'us-east-1'

/** A bucket of S3, or of a store that speaks as it does, as a lake. What may exist only once is put under `If-None-Match: *`. */
export function s3Lake(options: S3Options): LakeFiles {
  const { bucket, prefix } = options
  const root = prefix === '' ? '' : `${prefix}/`
  const where = `s3://${bucket}/${root}`
  let opening: Promise<{ driver: typeof Driver; client: Driver.S3Client }> | undefined
  const opened = () => (opening ??= open(options))
  const at = (name: string) => ({ Bucket: bucket, Key: `${root}${name}` })

  async function ask<T>(name: string, work: (client: Driver.S3Client, driver: typeof Driver) => Promise<T>): Promise<T> {
    try {
      const { client, driver } = await opened()
      return await work(client, driver)
    } catch (error) {
      throw s3Error(`${where}${name}`, error)
    }
  }

  return {
    where,
    put: (name, bytes) =>
      ask(name, async (client, { PutObjectCommand }) => {
        await client.send(new PutObjectCommand({ ...at(name), Body: bytes }))
      }),
    create: (name, bytes) =>
      ask(name, async (client, { PutObjectCommand }) => {
        try {
          await client.send(new PutObjectCommand({ ...at(name), Body: bytes, IfNoneMatch: '*' }))
          return true
        } catch (error) {
          if (statusOf(error) === 412) return false
          throw error
        }
      }),
    get: (name) =>
      ask(name, async (client, { GetObjectCommand }) => {
        try {
          const { Body } = await client.send(new GetObjectCommand(at(name)))
          return await Body?.transformToByteArray()
        } catch (error) {
          if ((error as Error).name === 'NoSuchKey') return undefined
          throw error
        }
      }),
    async *list(folder) {
      let token: string | undefined
      do {
        const page = await ask(folder, (client, { ListObjectsV2Command }) =>
          client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${root}${folder}`, ContinuationToken: token })),
        )
        for (const { Key = '', Size = 0 } of page.Contents ?? []) {
          // A folder that a console has made is an empty object with such a name.
          if (!Key.endsWith('/')) yield { name: Key.slice(root.length), bytes: Size } satisfies LakeFile
        }
        token = page.NextContinuationToken
      } while (token !== undefined)
    },
    remove: (name) =>
      ask(name, async (client, { DeleteObjectCommand }) => {
        await client.send(new DeleteObjectCommand(at(name)))
      }),
    async [Symbol.asyncDispose]() {
      const { client } = (await opening?.catch(() => undefined)) ?? {}
      client?.destroy()
    },
  }
}

/** Loaded by who has a lake on S3: it is large. */
async function open({ endpoint, region }: S3Options): Promise<{ driver: typeof Driver; client: Driver.S3Client }> {
  const driver = await import('@aws-sdk/client-s3')
  const elsewhere = endpoint === undefined ? {} : { endpoint, forcePathStyle: true, region: region ?? REGION }
  const client = new driver.S3Client({
    ...(region === undefined ? {} : { region }),
    ...elsewhere,
    maxAttempts: TRIES_MAX,
    requestHandler: { requestTimeout: REQUEST_MS_MAX, throwOnRequestTimeout: true },
  })
  return { driver, client }
}

const statusOf = (error: unknown) => (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode

const DENIED = new Set([
  'AccessDenied',
  'CredentialsProviderError',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  // versitygw's word for a key that it does not know.
  'XAdminUserNotFound',
])
const MISSING = new Set(['NoSuchBucket', 'PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'])

/** What the store or the driver failed with as an error of ours: what is not known to last is tried again. */
function s3Error(where: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FlowGuardError) return error
  const { name, message } = error
  const status = statusOf(error)
  const detail = `${where}: ${name === 'Error' ? '' : `${name}: `}${message}`
  if (MISSING.has(name) || /region is missing/i.test(message)) return new FlowGuardError('lake_missing', detail, error)
  if (DENIED.has(name) || status === 401 || status === 403) return new FlowGuardError('lake_denied', detail, error)
  if (name === 'NotImplemented' || status === 501) return new FlowGuardError('lake_unfenced', detail, error)
  return new FlowGuardError('lake_unavailable', detail, error)
}
