import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { createLogger } from '../kernel/logging.ts'
import { outOfReach, type OutOfReach } from '../ops/out-of-reach.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { count, dateTime, duration } from './output.ts'

export function warehouseCommand(cli: Cli): Command {
  return new Command('warehouse')
    .description('the warehouse file itself')
    .addHelpText('after', example('warehouse rebuild'))
    .addCommand(rebuildCommand(cli))
}

function rebuildCommand(cli: Cli): Command {
  return new Command('rebuild')
    .description('make bronze anew from what the logs still keep, and say what is out of reach; FlowGuard must be stopped')
    .option('--force', 'even where there is a warehouse: it is moved aside')
    .addHelpText('after', example('warehouse rebuild', 'warehouse rebuild --force'))
    .action(action<{ force?: boolean }, []>(cli, (context, { force }) => rebuild(context, force === true)))
}

async function rebuild(context: Context, isForced: boolean): Promise<ExitCode> {
  const { out, io, settings } = context
  const file = join(settings.DATA_DIR, WAREHOUSE.file)
  if (existsSync(file) && !isForced) {
    out.note(`${file} is there. --force moves it aside and makes a new one.`)
    return EXIT.misused
  }
  const startedAt = performance.now()
  const lost = await withStores(context, outOfReach)
  const { rebuildWarehouse } = await import('../wiring/loader.ts')
  const logger = createLogger('warehouse', settings, 'warn')
  const asideAs = `old-${new Date(io.clock()).toISOString().replaceAll(/[-:]|\.\d+/g, '')}-`
  let loaded = 0
  const onLoaded = (rows: number) => {
    loaded += rows
    out.progress(`  ${count(loaded)} rows loaded`)
  }
  await rebuildWarehouse(settings, { logger, signal: io.signal, asideAs, onLoaded })
  out.endProgress()
  if (io.signal.aborted) {
    out.note('Interrupted: FlowGuard loads the rest when it runs.')
    return EXIT.interrupted
  }
  if (out.isJson) out.json({ loaded, out_of_reach: lost })
  else {
    out.line(`${count(loaded)} events of the logs are loaded again (${duration(performance.now() - startedAt)}).`)
    for (const each of lost) out.line(`  ${lostText(each)}`)
    if (lost.length === 0) out.line('  Nothing is out of reach: the logs still keep all that they ever held.')
  }
  out.note('Silver and gold are made from it by npx flowguard etl backfill --from DAY --to DAY.')
  return EXIT.done
}

function lostText({ topic, records, until }: OutOfReach): string {
  return `${topic}: ${count(records)} records are out of reach, those before ${dateTime(until)}; they are no longer kept`
}
