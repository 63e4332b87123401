import { randomBytes } from 'node:crypto'
import { engineAddress, type EngineAddress } from '../../../../../test/support/engines.ts'
import { parseAddress, type SnowflakeAddress } from '../../kernel/addresses.ts'
import { initSnowflake, openSnowflake } from '../adapters/snowflake.ts'
import type { SnowflakeAccess } from '../adapters/snowflake-connection.ts'

/** A database of its own on the stand-in, which is not there yet. */
export function snowflakeAccess(engine: Extract<EngineAddress, 'snowflake' | 'snowflake-proxy'> = 'snowflake'): SnowflakeAccess {
  const address = parseAddress(engineAddress(engine)) as SnowflakeAddress
  return { address: { ...address, database: `t${randomBytes(5).toString('hex')}` }, passphrase: '', password: '' }
}

/** One made for a test: bronze, empty, at the first use. */
export function snowflakeStore() {
  const access = snowflakeAccess()
  let made: Promise<unknown> | undefined
  const open = () => {
    const warehouse = openSnowflake(access)
    const isMade = () => (made ??= initSnowflake(access))
    const { bronze } = warehouse
    return {
      ...warehouse,
      session: async () => (await isMade(), warehouse.session()),
      bronze: { ...bronze, begin: async (...of: Parameters<typeof bronze.begin>) => (await isMade(), bronze.begin(...of)) },
    }
  }
  return { access, open, openReadOnly: open, [Symbol.asyncDispose]: async () => undefined }
}
