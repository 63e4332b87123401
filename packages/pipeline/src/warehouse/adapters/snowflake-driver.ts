import { loadDriver } from '../../kernel/drivers.ts'

const NAME = 'snowflake-sdk'
/** What was tried, and is installed with the engines. */
export const SNOWFLAKE_DRIVER_VERSION = '3.3.0'

/** What is used of the driver, in the words of its own types: it is no dependency, so that they cannot be imported. */
export interface DriverError extends Error {
  code?: string | number
  sqlState?: string
}

export interface Column {
  getName(): string
  getType(): string
  getScale(): number
  getPrecision(): number
}

export interface Statement {
  getColumns(): readonly Column[] | undefined
  getNumUpdatedRows(): number
  streamRows(): AsyncIterable<readonly unknown[]> & { destroy(): void }
  cancel(done: (error?: DriverError) => void): void
}

export interface Connection {
  connect(done: (error?: DriverError) => void): void
  destroy(done: (error?: DriverError) => void): void
  isUp(): boolean
  execute(options: {
    sqlText: string
    binds?: readonly (string | number | boolean | null)[]
    rowMode: 'array'
    fetchAsString: readonly string[]
    streamResult?: boolean
    parameters?: Readonly<Record<string, string | number>>
    complete: (error: DriverError | undefined, statement: Statement, rows?: readonly (readonly unknown[])[]) => void
  }): Statement
}

interface Driver {
  configure(options: Readonly<Record<string, unknown>>): void
  createConnection(options: Readonly<Record<string, unknown>>): Connection
}

let driver: Driver | undefined

/** Throws `driver_missing`. */
export function snowflakeDriver(): Driver {
  if (driver) return driver
  // It would look for the cloud that it runs in, and load a program of its own.
  process.env['SNOWFLAKE_DISABLE_PLATFORM_DETECTION'] ??= 'true'
  process.env['SNOWFLAKE_DISABLE_MINICORE'] ??= 'true'
  const loaded = loadDriver(NAME, SNOWFLAKE_DRIVER_VERSION) as Driver
  const asText = (text: string) => text
  // Left to itself it writes a file into the working folder, and evaluates what is no JSON.
  const quiet = { error: ignore, warn: ignore, info: ignore, debug: ignore, trace: ignore }
  loaded.configure({
    logLevel: 'OFF',
    additionalLogToConsole: false,
    customLogger: quiet,
    jsonColumnVariantParser: asText,
    xmlColumnVariantParser: asText,
  })
  return (driver = loaded)
}

const ignore = () => undefined
