import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { hasCode } from '../kernel/errors.ts'
import { holderOf } from '../kernel/lock.ts'
import { createLogger } from '../kernel/logging.ts'
import { outOfReach, type OutOfReach } from '../ops/out-of-reach.ts'
import type { Exported } from '../warehouse/export.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { isElsewhere, keyForOps, requestOk } from './http.ts'
import { withStores } from './look.ts'
import { bytes, count, counted, dateTime, duration, table } from './output.ts'
import { initCommand } from './warehouse-init.ts'

const EXPORT_MS_MAX = 30 * 60_000

export function warehouseCommand(cli: Cli): Command {
  return new Command('warehouse')
    .description('the warehouse itself: made, what other programs look at, and the file made anew')
    .addHelpText('after', example('warehouse init', 'warehouse export', 'warehouse rebuild'))
    .addCommand(initCommand(cli))
    .addCommand(exportCommand(cli))
    .addCommand(rebuildCommand(cli))
}

function exportCommand(cli: Cli): Command {
  return new Command('export')
    .description('bring what Superset and other BI tools look at up to date; each ETL run does it too (WAREHOUSE_EXPORT)')
    .addHelpText('after', example('warehouse export', 'warehouse export --json'))
    .action(action<object, []>(cli, exportNow))
}

async function exportNow(context: Context): Promise<ExitCode> {
  const { out } = context
  const made = await exported(context)
  if (out.isJson) {
    out.json(made)
    return EXIT.done
  }
  const days = made.charged_days === 0 ? '' : `, charges of ${counted(made.charged_days, 'day')} brought up to date`
  if (made.file === null) {
    out.line(`Nothing is copied: other programs ask this warehouse itself${days}.`)
    return EXIT.done
  }
  const columns = [{ title: 'table' }, { title: 'rows', align: 'right' as const }]
  out.line(
    table(
      columns,
      made.tables.map(({ name, rows }) => [name, count(rows)]),
      out.colors,
    ),
  )
  out.line(`\n${made.file}: ${bytes(made.bytes)} (${duration(made.seconds * 1_000)}${days})`)
  if (made.tables.every(({ rows }) => rows === 0))
    out.note('Nothing is in it yet: npx flowguard etl backfill --from DAY --to DAY makes gold.')
  return EXIT.done
}

/** A FlowGuard that runs on the data folder does the work; otherwise this process. */
async function exported({ settings, io }: Context): Promise<Exported> {
  if (holderOf(settings.DATA_DIR, 'ops') === undefined && !isElsewhere(settings)) {
    const { exportHere } = await import('../wiring/export-here.ts')
    try {
      return await exportHere(settings, createLogger('warehouse', settings, 'warn'), io.signal)
    } catch (error) {
      if (!hasCode(error, 'warehouse_held')) throw error
    }
  }
  const url = `${settings.OPS_URL}/api/warehouse/export`
  return (await requestOk(url, { method: 'POST', key: keyForOps(settings), timeoutMs: EXPORT_MS_MAX })) as Exported
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
