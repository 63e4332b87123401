import { Command } from 'commander'
import { withLoaded } from '../ops/trace-loaded.ts'
import { traceEvent, type Trace } from '../ops/trace.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { printable, type Output } from './output.ts'
import { withWarehouse } from './warehouse-look.ts'

export function traceCommand(cli: Cli): Command {
  return new Command('trace')
    .description('one event’s whole way: received, stored, read by whom, attributed, billed, loaded, or why not; exits 1 if there is none')
    .argument('<id>', 'an event id, or an order id')
    .addHelpText('after', example('trace 0199c1f2-6f7a-7cc3-98c4-dc0c0c07398f', 'trace c0000001 --json'))
    .action(action<object>(cli, (context, _options, id = '') => showTrace(context, id)))
}

async function showTrace(context: Context, id: string): Promise<ExitCode> {
  const { out } = context
  const way = await withStores(context, (stores) => traceEvent(stores, id))
  const trace = await withWarehouse(context, (query) => withLoaded(way, query))
  if (out.isJson) out.json(trace)
  else if (trace.found) printTrace(out, trace)
  else out.note(`No event or order ${printable(id)}. Looked in ${trace.searched.join('; ') || 'an empty data folder'}.`)
  return trace.found ? EXIT.done : EXIT.failed
}

const PART_CHARS = 14

/** The way step by step, then what came of it. */
export function printTrace(
  out: Output,
  { event_id: eventId, event_type: type, user_id: user, order_id: orderId, trace_id: traceId, steps, outcome }: Trace,
): void {
  const c = out.colors
  const about = [user && `user ${user}`, orderId && `order ${orderId}`, traceId && `trace ${traceId}`].filter(Boolean).join(', ')
  out.line(`${c.bold(printable(`${type ?? 'event'} ${eventId ?? ''}`))}  ${c.dim(printable(about))}`)
  for (const { at, part, what } of steps) {
    out.line(
      `  ${c.dim((at === null ? '' : `${at.slice(0, 10)} ${at.slice(11, 23)}`).padEnd(23))}  ${c.cyan(part.padEnd(PART_CHARS))}  ${printable(what)}`,
    )
  }
  for (const line of outcome) out.line(`  ${c.bold('→')} ${printable(line)}`)
}
