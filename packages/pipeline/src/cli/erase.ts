import { Command } from 'commander'
import { createLogger } from '../kernel/logging.ts'
import type { FoundIn, LogCopy } from '../wiring/erase.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { count, counted, table } from './output.ts'

interface Options {
  user: string
  plan?: boolean
  yes?: boolean
}

export function eraseCommand(cli: Cli): Command {
  return new Command('erase')
    .description('take a person out of every store but the log, and search through all of them; FlowGuard must be stopped')
    .requiredOption('--user <id>', 'the user_id that events name them by')
    .option('--plan', 'only say where the person is; changes nothing')
    .option('--yes', 'do it: it cannot be undone')
    .addHelpText('after', example('erase --user user_1042 --plan', 'erase --user user_1042 --yes'))
    .action(action<Options, []>(cli, run))
}

async function run(context: Context, { user, plan, yes }: Options): Promise<ExitCode> {
  const { out, io, settings } = context
  if (plan === true && yes === true) {
    out.note('--plan changes nothing and --yes does it: give one of them.')
    return EXIT.misused
  }
  const { erase, planErasure } = await import('../wiring/erase.ts')
  const logger = () => createLogger('erase', settings, 'warn')
  const erasing = { settings, clock: io.clock, logger, onStep: (what: string) => out.progress(`  ${what}`) }
  if (yes !== true) {
    const { found, log_copies: copies } = await planErasure(erasing, user)
    out.endProgress()
    if (out.isJson) out.json({ done: false, found, log_copies: copies })
    else {
      out.line(found.length === 0 ? 'The person is in no store.' : placesTable(found, 'rows', context))
      sayCopies(context, copies)
    }
    if (plan !== true) out.note('Nothing was changed: --yes does it, and it cannot be undone.')
    return plan === true ? EXIT.done : EXIT.misused
  }
  const { pseudonym, changed, found, log_copies: copies } = await erase(erasing, user)
  out.endProgress()
  const isDone = found.length === 0
  if (out.isJson) out.json({ done: isDone, pseudonym, changed, found, log_copies: copies })
  else {
    const c = out.colors
    out.line(changed.length === 0 ? 'There was nothing left to change.' : placesTable(changed, 'changed', context))
    out.line(
      isDone
        ? `${c.green('erased')}: every store was searched through, and the person is in none. In their place stands ${pseudonym}.`
        : `${c.red('not erased')}: the search still finds the person here, in what is not ours to change:\n${placesTable(found, 'rows', context)}`,
    )
    sayCopies(context, copies)
  }
  return isDone ? EXIT.done : EXIT.failed
}

function placesTable(places: readonly FoundIn[], title: string, { out }: Context): string {
  const rows = places.map(({ store, place, rows: number }) => [store, place, count(number)])
  return table([{ title: 'store' }, { title: 'where' }, { title, align: 'right' }], rows, out.colors)
}

function sayCopies({ out }: Context, copies: readonly LogCopy[]): void {
  for (const { topic, records, expires_on: day } of copies)
    out.line(`The log keeps ${counted(records, 'record')} of ${topic} until ${day}; whoever reads them sees the pseudonym.`)
}
