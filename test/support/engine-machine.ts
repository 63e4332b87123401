import { randomBytes } from 'node:crypto'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { Redis } from 'ioredis'
import pg from 'pg'
import { engineAddress, s3Keys, type EngineAddress } from './engines.ts'
import { startMachine, type Machine } from './machine.ts'

type Engine = Extract<EngineAddress, 'kafka' | 'postgres' | 'redis' | 's3'>

interface Options {
  /** Where general events go; where the other topics do unless it is said. */
  general?: 'kafka' | 'redis' | 'sqlite'
  /** Reached by way of Toxiproxy, so that a test can cut it. */
  byProxy?: boolean
  env?: NodeJS.ProcessEnv
  idle?: boolean
}

/** A machine whose log, database, counters and lake are the real engines, each with names of its own, which are gone with it. */
export async function startEngineMachine({ env = {}, idle = false, ...options }: Options = {}): Promise<Machine> {
  const closing = new AsyncDisposableStack()
  try {
    const settings = closing.use(await engineSettings(options))
    const machine = closing.use(await startMachine({ idle, env: { ...settings.env, ...env } }))
    const all = closing.move()
    return { ...machine, [Symbol.asyncDispose]: () => all.disposeAsync() }
  } catch (error) {
    await closing.disposeAsync()
    throw error
  }
}

/** The settings by which FlowGuard finds the engines, with a prefix, a database and a bucket of their own. */
export async function engineSettings({ general = 'kafka', byProxy = false }: Pick<Options, 'general' | 'byProxy'> = {}): Promise<
  { env: NodeJS.ProcessEnv } & AsyncDisposable
> {
  const name = `e${randomBytes(5).toString('hex')}`
  const closing = new AsyncDisposableStack()
  const at = (engine: Engine) => engineAddress(byProxy ? `${engine}-proxy` : engine)
  const administration = engineAddress('postgres')
  const postgres = new URL(at('postgres'))
  await administer(administration, `create database ${name}`)
  closing.defer(() => administer(administration, `drop database ${name} with (force)`))
  postgres.pathname = `/${name}`
  const redis = await emptyRedis(at('redis'))
  const env = {
    LOG_URL: `kafka://${at('kafka')}/${name}.`,
    LOG_COPIES: '3',
    DATABASE_URL: postgres.href,
    COUNTERS_URL: redis,
    LAKE_URL: `s3://${name}`,
    ...(await bucket(name, at('s3'))),
    ...(general !== 'kafka' && { EVENTS_LOG_URL: general === 'redis' ? redis : 'sqlite:' }),
  }
  return { env, [Symbol.asyncDispose]: () => closing.disposeAsync() }
}

async function administer(address: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** One database of it after the other, emptied: so many are there by default. */
const REDIS_DATABASES = 16
let turn = 0

async function emptyRedis(url: string): Promise<string> {
  const address = new URL(url)
  address.pathname = `/${turn++ % REDIS_DATABASES}`
  const redis = new Redis(address.href)
  try {
    await redis.flushdb()
  } finally {
    redis.disconnect()
  }
  return address.href
}

async function bucket(name: string, endpoint: string): Promise<NodeJS.ProcessEnv> {
  const { access, secret } = s3Keys()
  const env = {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ACCESS_KEY_ID: access,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_REGION: 'us-east-1',
  }
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: env.AWS_REGION,
    credentials: { accessKeyId: access, secretAccessKey: secret },
  })
  await client.send(new CreateBucketCommand({ Bucket: name }))
  client.destroy()
  return env
}
