import { readFileSync } from 'node:fs'
import { createPrivateKey } from 'node:crypto'
import type { SnowflakeAddress } from '../../kernel/addresses.ts'
import { FlowGuardError } from '../../kernel/errors.ts'
import { snowflakeDriver, type Connection, type DriverError } from './snowflake-driver.ts'
import { snowflakeError } from './snowflake-errors.ts'

export interface SnowflakeAccess {
  address: SnowflakeAddress
  passphrase: string
  password: string
}

/** Where a session makes what is its own. */
const SCHEMA = 'BRONZE'
/** A sign-in that fails is tried again by whoever wants it. */
const LOGIN_RETRIES_MAX = 1
/** A statement whose answer does not come is asked for again, as the same request, so often: some ten seconds. */
const RETRIES_MAX = 4
const CLOSE_MS_MAX = 2_000

/** Names the address in what goes wrong. */
export const nameOf = ({ account, user, database }: SnowflakeAddress) => `Snowflake (${user}@${account}/${database})`

/**
 * What the driver signs in with: the key, or where none is named the password. Throws `warehouse_denied` where the key cannot be used.
 * `isBare`: into no database, as before there is one.
 */
function signInOptions({ address, passphrase, password }: SnowflakeAccess, role = address.role, isBare = false): Record<string, unknown> {
  const { account, user, database, warehouse, accessUrl, keyFile } = address
  const key = keyFile === undefined ? undefined : privateKeyOf(keyFile, passphrase)
  if (key === undefined && password === '')
    throw new FlowGuardError(
      'warehouse_denied',
      `${nameOf(address)}: WAREHOUSE_URL names no private_key_file, and SNOWFLAKE_PASSWORD is empty`,
    )
  return {
    account,
    username: user,
    ...(key === undefined ? { password } : { authenticator: 'SNOWFLAKE_JWT', privateKey: key }),
    ...(isBare ? {} : { database, schema: SCHEMA }),
    ...(warehouse === undefined ? {} : { warehouse }),
    ...(role === undefined ? {} : { role }),
    ...(accessUrl === undefined ? {} : { accessUrl }),
    application: 'FlowGuard',
    sfRetryMaxLoginRetries: LOGIN_RETRIES_MAX,
    sfRetryMaxNumRetries: RETRIES_MAX,
    clientSessionKeepAlive: false,
  }
}

/** As PEM without a passphrase, which is what the driver takes. */
function privateKeyOf(path: string, passphrase: string): string {
  let pem: string
  try {
    pem = readFileSync(path, 'utf8')
  } catch (error) {
    throw new FlowGuardError('warehouse_denied', `the private key ${path} cannot be read: ${(error as Error).message}`, error)
  }
  try {
    const key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === '' ? {} : { passphrase }) })
    if (key.asymmetricKeyType !== 'rsa') throw new Error(`it is of ${key.asymmetricKeyType}, and Snowflake takes RSA`)
    return key.export({ format: 'pem', type: 'pkcs8' }) as string
  } catch (error) {
    const why = /interrupted or cancelled|bad decrypt|bad password|passphrase/i.test((error as Error).message)
      ? passphrase === ''
        ? 'it has a passphrase, and SNOWFLAKE_PRIVATE_KEY_PASSPHRASE is empty'
        : 'SNOWFLAKE_PRIVATE_KEY_PASSPHRASE does not open it'
      : (error as Error).message
    throw new FlowGuardError('warehouse_denied', `the private key ${path} cannot be used: ${why}`, error)
  }
}

/** Throws `warehouse_denied`, `warehouse_failed` (no answer), `driver_missing`. */
export async function connected(access: SnowflakeAccess, role?: string, isBare = false): Promise<Connection> {
  const { address } = access
  const connection = snowflakeDriver().createConnection(signInOptions(access, role, isBare))
  try {
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()))
    })
    return connection
  } catch (error) {
    throw snowflakeError(nameOf(address), withCause(error as DriverError), 'warehouse_failed')
  }
}

/** The driver says that it could not connect, and keeps why to its cause. */
function withCause(error: DriverError & { cause?: unknown }): DriverError {
  const why = (error.cause as Error | undefined)?.message
  if (why && !error.message.includes(why)) error.message += ` (${why})`
  return error
}

/** Ends the session there, and with it what was not committed. Never hangs, never throws. */
export function closed(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_MS_MAX)
    connection.destroy(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
