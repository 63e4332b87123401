import { randomBytes } from 'node:crypto'
import { engineAddress, type EngineAddress } from '../../../../../test/support/engines.ts'
import { parseAddress, type SnowflakeAddress } from '../../kernel/addresses.ts'
import { closed, connected, type SnowflakeAccess } from '../adapters/snowflake-connection.ts'
import { initSnowflake, openSnowflake } from '../adapters/snowflake.ts'
import type { Warehouse } from '../warehouse.ts'

const newName = () => `t${randomBytes(5).toString('hex')}`

/** A database on the stand-in, by default one that nobody else has and that is yet to be made. */
export function snowflakeAccess(
  engine: Extract<EngineAddress, 'snowflake' | 'snowflake-proxy'> = 'snowflake',
  database: string = newName(),
): SnowflakeAccess {
  const address = parseAddress(engineAddress(engine)) as SnowflakeAddress
  return { address: { ...address, database }, passphrase: '', password: '' }
}

/** One database a process: to make it takes the stand-in a second, to make its tables a tenth of that. */
const SHARED = newName()

/** A warehouse with bronze, which is empty, made at the first use. */
export function snowflakeStore() {
  const access = snowflakeAccess('snowflake', SHARED)
  let made: Promise<unknown> | undefined
  const isMade = () => (made ??= initSnowflake(access))
  const open = (): Warehouse => {
    const warehouse = openSnowflake(access)
    const { bronze } = warehouse
    return {
      ...warehouse,
      session: async () => (await isMade(), warehouse.session()),
      query: async (...asked) => (await isMade(), warehouse.query(...asked)),
      bronze: {
        ...bronze,
        places: async () => (await isMade(), bronze.places()),
        begin: async (from) => (await isMade(), bronze.begin(from)),
      },
    }
  }
  return {
    access,
    open,
    openReadOnly: open,
    async [Symbol.asyncDispose]() {
      const connection = await connected(access)
      await new Promise<void>((resolve, reject) => {
        connection.execute({
          sqlText: 'drop schema if exists bronze cascade',
          rowMode: 'array',
          fetchAsString: [],
          complete: (error) => (error ? reject(error) : resolve()),
        })
      })
      await closed(connection)
    },
  }
}
