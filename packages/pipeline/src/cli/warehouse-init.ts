import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { maskedAddress } from '../kernel/addresses.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'

export function initCommand(cli: Cli): Command {
  return new Command('init')
    .description(
      'make what the loader needs where WAREHOUSE_URL says: on Snowflake the database, and bronze with its tables; again makes nothing new',
    )
    .addHelpText('after', example('warehouse init'))
    .action(action<object, []>(cli, (context) => init(context)))
}

async function init({ out, settings }: Context): Promise<ExitCode> {
  const { initSnowflake, makeWarehouseFile, snowflakeOf } = await import('../wiring/warehouse.ts')
  const snowflake = snowflakeOf(settings)
  const file = join(settings.DATA_DIR, WAREHOUSE.file)
  let made: string[] = []
  if (snowflake) made = await initSnowflake(snowflake)
  else if (!existsSync(file)) {
    mkdirSync(settings.DATA_DIR, { recursive: true })
    await makeWarehouseFile(settings)
    made = [file]
  }
  const where = snowflake ? maskedAddress(settings.WAREHOUSE_URL) : file
  if (out.isJson) out.json({ where, made })
  else {
    for (const each of made) out.line(`made  ${each}`)
    out.line(made.length === 0 ? `Nothing to do: all of it is there (${where}).` : `${where} is ready.`)
  }
  return EXIT.done
}
