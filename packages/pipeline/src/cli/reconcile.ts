import { DAY_MS, dayOf, RECON_CAUSES } from '@flowguard/contract'
import { Command, Option } from 'commander'
import { DAYS_COUNT_MAX, daysOf, type Days, type Outcome } from '../reconcile/outcome.ts'
import { DIFFERENCES_COUNT_MAX, type CauseSum, type DifferenceShown, type HourShown } from '../reconcile/view.ts'
import { action, dayIn, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { count, dateTime, printable, table } from './output.ts'
import { withReconcile } from './reconcile-client.ts'

const LIST_COUNT = 20
/** Differences, for a person. */
const SHOWN_COUNT = 20

interface Asked {
  date?: string
  from?: string
  to?: string
}

const right = (title: string) => ({ title, align: 'right' as const })

/** `reconcile`: stream against batch. Where FlowGuard runs it does the work; else this process does. */
export function reconcileCommand(cli: Cli): Command {
  const day = dayIn(cli)
  const withDays = (command: Command) =>
    command
      .option('--date <day>', 'a UTC day, 2026-01-31, or today or yesterday', day)
      .option('--from <day>', 'the first UTC day; yesterday where nothing is said', day)
      .option('--to <day>', 'the last, included; today where nothing is said', day)
  const reconcile = withDays(new Command('reconcile'))
    .description(
      'what the stream answered and charged, held against what the warehouse says; differences are named and put right, and it exits 1 where one of those days is unexplained, found now or before',
    )
    .option('--plan', 'only say what differs')
    .addHelpText(
      'after',
      example('reconcile --date yesterday', 'reconcile --from 2026-01-01 --to 2026-01-31 --plan', 'reconcile differences --cause late'),
    )
    .action(action<Asked & { plan?: boolean }, []>(cli, run))
  reconcile.addCommand(
    new Command('hours')
      .description('hour by hour of event time: orders, charges, differences, money')
      .addHelpText('after', example('reconcile hours', 'reconcile --date yesterday hours'))
      .action(action<object, []>(cli, (context) => hours(context, reconcile.opts<Asked>()))),
  )
  reconcile.addCommand(
    new Command('differences')
      .description('each difference, with its cause and what was done')
      .addOption(new Option('--cause <cause>', 'of this cause alone').choices(RECON_CAUSES))
      .option('--limit <n>', `at most ${DIFFERENCES_COUNT_MAX}`, wholeNumber(1, DIFFERENCES_COUNT_MAX), 100)
      .addHelpText('after', example('reconcile differences --cause unexplained', 'reconcile --from 2026-01-01 --to 2026-01-31 differences'))
      .action(
        action<{ cause?: string; limit: number }, []>(cli, (context, asked) =>
          differences(context, { ...reconcile.opts<Asked>(), ...asked }),
        ),
      ),
  )
  reconcile.addCommand(
    new Command('runs')
      .description('the latest runs')
      .option('--limit <n>', 'so many', wholeNumber(1, 500), LIST_COUNT)
      .addHelpText('after', example('reconcile runs'))
      .action(action<{ limit: number }, []>(cli, runs)),
  )
  reconcile.addCommand(
    new Command('flag')
      .description('a click was found invalid: the next run of its day gives back what it earned')
      .argument('<user>', 'who clicked')
      .argument('<event_id>', 'the click')
      .requiredOption('--reason <text>', 'why')
      .addHelpText('after', example('reconcile flag u42 0198c7a1-… --reason "click farm"'))
      .action(
        action<{ reason: string }, [string, string]>(cli, (context, { reason }, user, event) =>
          withReconcile(context, async (client) => {
            await client.flag({ user_id: user, event_id: event, reason })
            context.out.note(`Flagged. npx flowguard reconcile --date DAY, with the day of the click, gives back what it earned.`)
            return EXIT.done
          }),
        ),
      ),
  )
  reconcile.addCommand(
    new Command('unflag')
      .description('a click may earn again')
      .argument('<user>', 'who clicked')
      .argument('<event_id>', 'the click')
      .addHelpText('after', example('reconcile unflag u42 0198c7a1-…'))
      .action(
        action<object, [string, string]>(cli, (context, _options, user, event) =>
          withReconcile(context, async (client) => {
            const removed = await client.unflag({ user_id: user, event_id: event })
            context.out.note(removed ? 'The click may earn again, from the next run of its day on.' : 'There is no such flag.')
            return removed ? EXIT.done : EXIT.failed
          }),
        ),
      ),
  )
  reconcile.addCommand(
    new Command('flags')
      .description('clicks that were found invalid')
      .addHelpText('after', example('reconcile flags'))
      .action(action<object, []>(cli, flags)),
  )
  return reconcile
}

/** Undefined, with a word about it, where the days do not fit together. */
function daysAsked({ out, io }: Context, { date, from, to }: Asked): Days | undefined {
  if (date !== undefined && (from !== undefined || to !== undefined)) out.note('--date is one day: leave out --from and --to.')
  else {
    const today = dayOf(io.clock())
    const days =
      date === undefined ? { from: from ?? dayOf(Date.parse(to ?? today) - (to ? 0 : DAY_MS)), to: to ?? today } : { from: date, to: date }
    if (days.from <= days.to) return days
    out.note(`--from ${days.from} is after --to ${days.to}.`)
  }
  return undefined
}

async function run(context: Context, asked: Asked & { plan?: boolean }): Promise<ExitCode> {
  const days = daysAsked(context, asked)
  if (!days) return EXIT.misused
  const { out, io } = context
  return withReconcile(context, async (client) => {
    const outcomes: Outcome[] = []
    const all = daysOf(days)
    for (let at = 0; at < all.length; at += DAYS_COUNT_MAX) {
      if (io.signal.aborted) return EXIT.interrupted
      const some = all.slice(at, at + DAYS_COUNT_MAX)
      const part = { from: some[0] as string, to: some.at(-1) as string }
      out.progress(`  ${part.from} to ${part.to}`)
      outcomes.push(await (asked.plan ? client.plan(part) : client.run(part)))
    }
    out.endProgress()
    if (out.isJson) out.json(outcomes.length === 1 ? outcomes[0] : outcomes)
    else for (const outcome of outcomes) printOutcome(context, outcome)
    return outcomes.some(({ unexplained }) => unexplained > 0) ? EXIT.failed : EXIT.done
  })
}

const rupees = (amount: number) => (amount === 0 ? '0' : `${amount < 0 ? '−' : ''}₹${Math.abs(amount)}`)

function printOutcome(
  { out }: Context,
  { from, to, settled_to: settledTo, hours: all, causes, differences: found, ...outcome }: Outcome,
): void {
  const { differences_total: total, unexplained, unexplained_differences: named, run_id: runId, waiting } = outcome
  const onRecord = named.filter((each) => each.run_id !== runId)
  if (settledTo === null) return out.note(`Nothing of ${from} to ${to} is settled yet.`)
  if (all.length > 0) {
    printHours({ out }, all)
    out.line()
  }
  const isEmpty = all.every(({ orders, charges }) => orders + charges === 0)
  if (total === 0 && isEmpty) out.line(`Nothing to compare: no order or charge in ${from === to ? from : `${from} to ${to}`}.`)
  else if (total === 0) out.line(out.colors.green('Stream and batch agree.'))
  else {
    printCauses({ out }, causes)
    out.line()
    printDifferences({ out }, found.slice(0, SHOWN_COUNT))
    if (total > SHOWN_COUNT)
      out.note(`… and ${count(total - SHOWN_COUNT)} more${runId === null ? '' : ': npx flowguard reconcile differences'}`)
  }
  if (onRecord.length > 0) {
    out.line()
    out.line('On record since an earlier run, which put it right:')
    printDifferences({ out }, onRecord.slice(0, SHOWN_COUNT))
  }
  if (unexplained > 0) out.line(out.colors.red(`${count(unexplained)} unexplained.`))
  if (waiting > 0) out.note(`${count(waiting)} corrections wait for billing, which applies them by itself where FlowGuard runs.`)
  out.note(
    runId === null
      ? `A plan: nothing was written. Settled up to ${dateTime(settledTo)}.`
      : `Run ${runId}, settled up to ${dateTime(settledTo)}.`,
  )
}

function printHours({ out }: Pick<Context, 'out'>, all: readonly HourShown[]): void {
  const columns = [
    { title: 'hour' },
    right('orders'),
    right('charges'),
    right('stream'),
    right('batch'),
    right('corrected'),
    right('waived'),
    { title: 'differences' },
  ]
  const rows = all.map((each) => [
    dateTime(each.hour),
    count(each.orders),
    count(each.charges),
    rupees(each.stream),
    rupees(each.batch),
    rupees(each.corrected),
    rupees(each.waived),
    Object.entries(each.causes)
      .map(([cause, n]) => `${cause} ${n}`)
      .join(', '),
  ])
  out.line(table(columns, rows, out.colors))
}

function printCauses({ out }: Pick<Context, 'out'>, causes: readonly CauseSum[]): void {
  const rows = causes.map((each) => [each.cause, count(each.differences), rupees(each.amount), rupees(each.waived)])
  out.line(table([{ title: 'cause' }, right('differences'), right('corrected'), right('waived')], rows, out.colors))
}

function printDifferences({ out }: Pick<Context, 'out'>, found: readonly DifferenceShown[]): void {
  const rows = found.map((each) => [
    dateTime(each.hour),
    each.kind,
    each.cause === 'unexplained' ? out.colors.red(each.cause) : each.cause,
    printable(each.event_id),
    printable(each.ad_id ?? '–'),
    rupees(each.amount),
    printable(each.detail),
  ])
  out.line(
    table(
      [
        { title: 'hour' },
        { title: 'of' },
        { title: 'cause' },
        { title: 'event' },
        { title: 'ad' },
        right('corrected'),
        { title: 'what was seen' },
      ],
      rows,
      out.colors,
    ),
  )
}

async function hours(context: Context, asked: Asked): Promise<ExitCode> {
  const days = daysAsked(context, asked)
  if (!days) return EXIT.misused
  return withReconcile(context, async (client) => {
    const found = await client.hours(days)
    if (context.out.isJson) context.out.json(found)
    else if (found.length === 0) context.out.note(`No hour of ${days.from} to ${days.to} was gone through.`)
    else printHours(context, found)
    return EXIT.done
  })
}

async function differences(context: Context, { cause, limit, ...asked }: Asked & { cause?: string; limit: number }): Promise<ExitCode> {
  const days = daysAsked(context, asked)
  if (!days) return EXIT.misused
  return withReconcile(context, async (client) => {
    const found = await client.differences(days, cause, limit)
    if (context.out.isJson) context.out.json(found)
    else if (found.total === 0) context.out.note(`No difference was found in ${days.from} to ${days.to}.`)
    else {
      printCauses(context, found.causes)
      context.out.line()
      printDifferences(context, found.differences)
    }
    return EXIT.done
  })
}

function runs(context: Context, { limit }: { limit: number }): Promise<ExitCode> {
  return withReconcile(context, async (client) => {
    const found = await client.runs(limit)
    const columns = [
      right('run'),
      { title: 'began' },
      { title: 'state' },
      { title: 'asked by' },
      { title: 'days' },
      right('differences'),
      right('unexplained'),
      right('corrected'),
      right('waived'),
    ]
    const rows = found.map((each) => [
      String(each.run_id),
      dateTime(each.started_at),
      each.state,
      each.asked_by,
      each.from === each.to ? each.from : `${each.from} to ${each.to}`,
      count(each.differences),
      count(each.unexplained),
      rupees(each.corrected),
      rupees(each.waived),
    ])
    if (context.out.isJson) context.out.json(found)
    else if (found.length === 0) context.out.note('There has been no run.')
    else context.out.line(table(columns, rows, context.out.colors))
    return EXIT.done
  })
}

function flags(context: Context): Promise<ExitCode> {
  return withReconcile(context, async (client) => {
    const found = await client.flags()
    const rows = found.map((each) => [printable(each.user_id), printable(each.event_id), dateTime(each.flagged_at), printable(each.reason)])
    if (context.out.isJson) context.out.json(found)
    else if (found.length === 0) context.out.note('No click is flagged.')
    else context.out.line(table([{ title: 'user' }, { title: 'click' }, { title: 'flagged' }, { title: 'why' }], rows, context.out.colors))
    return EXIT.done
  })
}
