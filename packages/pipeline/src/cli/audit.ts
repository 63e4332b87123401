import { Command } from 'commander'
import { loaderStandings } from '../loader/mirror.ts'
import { withBronze } from '../ops/audit-bronze.ts'
import { audit } from '../ops/audit.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { count, duration, printable } from './output.ts'
import { withWarehouse } from './warehouse-look.ts'

export function auditCommand(cli: Cli): Command {
  return new Command('audit')
    .description('the books, to the event; exits 1 if one event is unaccounted for')
    .addHelpText('after', example('audit', 'audit --json'))
    .action(action<object, []>(cli, showAudit))
}

async function showAudit(context: Context): Promise<ExitCode> {
  const { out } = context
  const c = out.colors
  out.note('Going through the whole log …')
  const books = await withStores(context, async (stores) => {
    const own = await audit(stores)
    const mirror = stores.pipeline ? loaderStandings(stores.pipeline.db) : []
    return withWarehouse(context, (query) => withBronze(own, mirror, query))
  })
  if (out.isJson) out.json(books)
  else {
    for (const { name, ok, detail, expected, actual, offenders, offenders_total: total } of books.checks) {
      out.line(`${ok ? c.green('✓') : c.red('✗')} ${c.bold(name)}  ${c.dim(detail)}`)
      if (!ok) out.line(`    ${c.red(`expected ${count(expected)}, found ${count(actual)}; ${count(total)} do not fit`)}`)
      for (const offender of offenders) out.line(`      ${printable(offender)}`)
      if (total > offenders.length) out.line(`      … and ${count(total - offenders.length)} more`)
    }
    for (const each of books.unchecked) out.line(`${c.yellow('?')} ${printable(each)}`)
    out.line()
    out.line(
      books.balanced
        ? c.green(`The books balance (${duration(books.took_ms)}).`)
        : c.red(`The books do not balance (${duration(books.took_ms)}).`),
    )
  }
  return books.balanced ? EXIT.done : EXIT.failed
}
