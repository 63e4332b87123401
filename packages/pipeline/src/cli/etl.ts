import { DAY_MS, dayOf } from '@flowguard/contract'
import { Command, InvalidArgumentError } from 'commander'
import type { Readiness } from '../etl/etl.ts'
import type { Plan, PlannedTable } from '../etl/plan.ts'
import type { Stretch } from '../etl/model.ts'
import type { RunDetail, RunShown } from '../etl/store.ts'
import { hasCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import { action, dayIn, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { withEtl, type EtlClient } from './etl-client.ts'
import { count, dateTime, duration, printable, table } from './output.ts'

const FOLLOW_MS = 300
/** Between two looks at what is waited for. */
const AGAIN_MS = 1_000
/** As long as FlowGuard may take to start a process again. */
const UNHEARD_MS_MAX = 30_000
const LIST_COUNT = 20
const LIST_COUNT_MAX = 500
/** Rows that failed, of those kept, and characters of each, for a person. */
const FAILED_SHOWN = 5
const FAILED_CHARS = 160

const right = (title: string) => ({ title, align: 'right' as const })

/** `etl`: silver and gold. Where FlowGuard runs it does the work; else this process does. */
export function etlCommand(cli: Cli): Command {
  const day = dayIn(cli)
  const etl = new Command('etl')
    .description('silver and gold: made for a day or a range, and what became of it')
    .addHelpText('after', example('etl run --date 2026-01-31', 'etl backfill --from 2026-01-01 --to 2026-01-31 --plan', 'etl runs'))
  etl.addCommand(
    new Command('ready')
      .description('whether all of a day that the log holds is loaded, and its orders are answered; exits 1 where not')
      .requiredOption('--date <day>', DAY, day)
      .option('--wait <seconds>', 'wait so long until it is', seconds, 0)
      .addHelpText('after', example('etl ready --date yesterday --wait 600'))
      .action(action<Waiting & { date: string }, []>(cli, ready)),
  )
  etl.addCommand(
    new Command('run')
      .description('make a day anew, with every day that is stale and whatever hangs on them')
      .requiredOption('--date <day>', DAY, day)
      .option('--table <table>', 'this table alone, of the day and the days that hang on it; again for others', tables)
      .option('--wait <seconds>', 'where another run is at work, wait so long for its end', seconds, 0)
      .addHelpText('after', example('etl run --date 2026-01-31', 'etl run --date 2026-01-31 --table silver.orders_clean --wait 600'))
      .action(
        action<Waiting & { date: string; table?: string[] }, []>(cli, (context, { date, table: only, wait }) =>
          run(context, { asked: { from: date, to: date }, only, wait }),
        ),
      ),
  )
  etl.addCommand(
    new Command('backfill')
      .description('make a range of days anew, the newest first; cut off, --resume goes on with the rest')
      .option('--from <day>', 'the first UTC day', day)
      .option('--to <day>', 'the last, included', day)
      .option('--resume', 'instead of days: what runs that were cut off or failed have left')
      .option('--wait <seconds>', 'where another run is at work, wait so long for its end', seconds, 0)
      .option('--plan', 'only say which days of which tables, how many rows would change, and why')
      .addHelpText(
        'after',
        example(
          'etl backfill --from 2026-01-01 --to 2026-03-31 --plan',
          'etl backfill --from 2026-01-01 --to 2026-03-31',
          'etl backfill --resume',
        ),
      )
      .action(action<BackfillOptions, []>(cli, backfill)),
  )
  etl.addCommand(
    new Command('runs')
      .description('the latest runs; with a number, its steps, checks, and rows that failed them')
      .argument('[run]', 'its number', wholeNumber(1))
      .option('--limit <n>', 'how many to list', wholeNumber(1, LIST_COUNT_MAX), LIST_COUNT)
      .addHelpText('after', example('etl runs', 'etl runs 12'))
      .action(
        action<{ limit: number }, [number | undefined]>(cli, (context, { limit }, id) =>
          id === undefined ? list(context, limit) : show(context, id),
        ),
      ),
  )
  etl.addCommand(
    new Command('checks')
      .description('data quality: every check that the models declare, and what came of it in the last runs')
      .option('--date <day>', 'in the last runs over this day', day)
      .addHelpText('after', example('etl checks', 'etl checks --date yesterday', 'etl checks --json'))
      .action(action<{ date?: string }, []>(cli, checks)),
  )
  return etl
}

const DAY = 'a UTC day, 2026-01-31, or today or yesterday'
const WAIT_SECONDS_MAX = 86_400
const seconds = wholeNumber(0, WAIT_SECONDS_MAX)

function tables(text: string, before: readonly string[] = []): string[] {
  if (!/^(?:silver|gold)\.[a-z_]+$/.test(text)) throw new InvalidArgumentError('It must be a table, silver.orders_clean.')
  return [...new Set([...before, text])]
}

interface Waiting {
  /** Seconds. */
  wait: number
}

async function ready(context: Context, { date, wait }: Waiting & { date: string }): Promise<ExitCode> {
  const { out, io } = context
  const untilMs = io.clock() + wait * 1_000
  const isLast = () => io.signal.aborted || io.clock() >= untilMs
  let found = await readyNow(context, date, isLast)
  while (found.awaited.length > 0 && !isLast()) {
    out.progress(`  ${date}: ${found.awaited.join(', ')}`)
    await pause(AGAIN_MS, io.signal)
    found = await readyNow(context, date, isLast)
  }
  out.endProgress()
  const { awaited, has_events: hasEvents } = found
  const isReady = awaited.length === 0
  const loaded = hasEvents === false ? 'is loaded: no event of that day is in bronze' : 'is loaded'
  if (out.isJson) out.json({ date, is_ready: isReady, ...found })
  else out.line(isReady ? `${date} ${loaded}.` : `${date} is not ready: ${awaited.join(', ')}.`)
  return isReady ? EXIT.done : EXIT.failed
}

/** Each time anew: FlowGuard may be started or stopped meanwhile. Who does not answer is not ready yet, until there is no more time for it. */
async function readyNow(context: Context, date: string, isLast: () => boolean): Promise<Readiness> {
  try {
    return await withEtl(context, (etl) => etl.ready(date))
  } catch (error) {
    if (isLast() || !isHeldUp(error)) throw error
    return { awaited: [(error as Error).message], has_events: null }
  }
}

type BackfillOptions = Partial<Stretch> & Waiting & { resume?: true; plan?: true }

async function backfill(context: Context, { from, to, resume, wait, plan: isPlan }: BackfillOptions): Promise<ExitCode> {
  const misused = (why: string) => {
    context.out.note(why)
    return EXIT.misused
  }
  if (resume && (from ?? to) !== undefined) return misused('--resume makes what was left: it takes no --from or --to.')
  if (!resume && (from === undefined || to === undefined)) return misused('--from and --to are needed, or --resume.')
  if (from !== undefined && to !== undefined && from > to) return misused(`--from ${from} is after --to ${to}.`)
  const asked = from === undefined || to === undefined ? undefined : { from, to }
  return isPlan ? withEtl(context, (etl) => plan(context, etl, asked)) : run(context, { asked, wait })
}

async function plan({ out }: Context, etl: EtlClient, asked: Stretch | undefined): Promise<ExitCode> {
  const planned = await etl.plan(asked)
  if (out.isJson) out.json(planned)
  else printPlan({ out }, asked, planned)
  return EXIT.done
}

function printPlan({ out }: Pick<Context, 'out'>, asked: Stretch | undefined, { days, tables, is_counted: isCounted }: Plan): void {
  if (days.length === 0 && !asked) return out.note('Nothing is left to make.')
  if (days.length === 0) return out.note('Nothing is to be done: bronze has no such day, and no other is stale or was left.')
  // The newest first.
  const notThere = asked && notInBronze(asked, days.findLast(({ why }) => why === 'asked for')?.date)
  if (notThere) out.line(`${notThere}\n`)
  const dayRows = days.map((each) => [each.date, each.why, each.because, count(each.bronze_rows)])
  out.line(table([{ title: 'day' }, { title: 'why' }, { title: 'because' }, right('bronze rows')], dayRows, out.colors))
  out.line()
  const columns = [
    { title: 'table' },
    { title: 'from' },
    { title: 'to' },
    right('days'),
    right('hang on others'),
    right('rows now'),
    right('added'),
    right('changed'),
    right('removed'),
  ]
  out.line(table(columns, tables.map(tableRow), out.colors))
  if (isCounted) {
    const changing = tables.reduce((sum, { rows }) => sum + (rows ? rows.added + rows.changed + rows.removed : 0), 0)
    out.line(`\n${changing === 0 ? 'No row would change.' : `${count(changing)} rows would change.`} Nothing was written.`)
  } else out.line('\nThe rows that would change are not counted here. Nothing was written.')
}

/** A run leaves out days that lie before all of bronze; `first` is the first that it does not. */
function notInBronze({ from, to }: Stretch, first: string | undefined): string | undefined {
  const last = first === undefined ? to : dayOf(Date.parse(first) - DAY_MS)
  if (last < from) return undefined
  const days = (Date.parse(last) - Date.parse(from)) / DAY_MS + 1
  return days === 1
    ? `Nothing of ${from} is in bronze.`
    : `Nothing of ${from} to ${last} is in bronze: ${count(days)} days without an event.`
}

function tableRow({ table: name, from, to, days, hanging, rows_now: now, rows }: PlannedTable): string[] {
  const changes = rows ? [rows.added, rows.changed, rows.removed].map(count) : ['?', '?', '?']
  return [name, from, to, count(days), count(hanging), count(now), ...changes]
}

interface Run extends Waiting {
  asked: Stretch | undefined
  only?: readonly string[] | undefined
}

/** What another process's work holds up: a run, a folder that another command has open, FlowGuard as it is started again. */
const isHeldUp = (error: unknown) => (['etl_running', 'warehouse_held', 'unreachable'] as const).some((code) => hasCode(error, code))

/** Again until the run has begun, within the limit. */
async function run(context: Context, given: Run): Promise<ExitCode> {
  const { out, io } = context
  const untilMs = io.clock() + given.wait * 1_000
  for (;;) {
    let isBegun = false
    try {
      return await runOnce(context, given, () => (isBegun = true))
    } catch (error) {
      if (isBegun || io.signal.aborted || io.clock() >= untilMs || !isHeldUp(error)) throw error
      out.progress(`  waiting for its turn: ${(error as Error).message}`)
      await pause(AGAIN_MS, io.signal)
    }
  }
}

async function runOnce(context: Context, { asked, only }: Run, begun: () => void): Promise<ExitCode> {
  const { out, io } = context
  return withEtl(
    context,
    async (etl) => {
      const id = await etl.start(asked, only)
      begun()
      const found = await follow(context, etl, id)
      out.endProgress()
      if (!found) {
        if (etl.isOwn) {
          await etl.stop()
          out.note(`Interrupted: run ${id} is cut off. What it has done stays; npx flowguard etl backfill --resume makes the rest.`)
        } else out.note(`Run ${id} goes on; npx flowguard etl runs ${id} shows it.`)
        return EXIT.interrupted
      }
      if (out.isJson) out.json(found)
      else if (!asked && found.days === 0 && found.state === 'done') out.note(`Run ${id}: nothing was left to make.`)
      else printRun(context, found)
      if (!found.is_level)
        out.note(
          'Not everything was loaded, or not every order answered, when it began: once it is, those days are stale, and the next run makes them again.',
        )
      return found.state === 'done' ? EXIT.done : EXIT.failed
    },
    io.signal,
  )
}

/** Says how far the run is until it has ended; undefined where the user did not wait. */
async function follow({ out, io }: Context, etl: EtlClient, id: number): Promise<RunDetail | undefined> {
  let unheardSince: number | undefined
  while (!io.signal.aborted) {
    try {
      const at = await etl.progress()
      if (at?.run_id !== id) return await etl.run(id)
      unheardSince = undefined
      const part = at.from === null ? '' : `part ${at.chunk} of ${at.chunks} (${at.from} to ${at.to}), `
      const done = `${count(at.days_done)} of ${count(at.days)} days, ${part}`
      out.progress(`  run ${id}: ${at.chunks === 0 ? '' : done}${at.at}`)
    } catch (error) {
      // It may be started again just now; then the run was cut off, and says so.
      unheardSince ??= io.clock()
      if (!hasCode(error, 'unreachable') || io.clock() - unheardSince > UNHEARD_MS_MAX) throw error
    }
    await pause(FOLLOW_MS, io.signal)
  }
  return undefined
}

const STATE_COLORS = { done: 'green', running: 'cyan', failed: 'red', interrupted: 'yellow' } as const

function runRow({ out }: Pick<Context, 'out'>, each: RunShown): string[] {
  const days = each.from_date === null ? '–' : each.from_date === each.to_date ? each.from_date : `${each.from_date} to ${each.to_date}`
  const asked = each.tables === null ? days : `${days} ${each.tables}`
  const failed = each.checks_failed === 0 ? '0' : out.colors.red(count(each.checks_failed))
  const done = each.days === each.days_done ? count(each.days) : `${count(each.days_done)} of ${count(each.days)}`
  const state = out.colors[STATE_COLORS[each.state]](each.state)
  return [
    String(each.run_id),
    dateTime(each.started_at),
    state,
    each.asked_by,
    asked,
    done,
    count(each.rows_in),
    count(each.rows_out),
    each.seconds.toFixed(1),
    failed,
  ]
}

function printRuns(context: Pick<Context, 'out'>, runs: readonly RunShown[]): void {
  const columns = [
    right('run'),
    { title: 'began' },
    { title: 'state' },
    { title: 'asked by' },
    { title: 'asked for' },
    right('days'),
    right('rows in'),
    right('rows out'),
    right('seconds'),
    right('failed checks'),
  ]
  context.out.line(
    table(
      columns,
      runs.map((each) => runRow(context, each)),
      context.out.colors,
    ),
  )
}

function printRun(context: Pick<Context, 'out'>, { checks, steps, failed_rows: rows, due, ...run }: RunDetail): void {
  const { out } = context
  printRuns(context, [run])
  printDue(context, run, due)
  if (run.engine) out.line(out.colors.dim(`made by ${run.engine}`))
  if (run.error !== null) out.line(`\n${out.colors.red(printable(run.error))}`)
  if (steps.length > 0) {
    const stepRows = steps.map((each) => [
      each.model,
      each.from_date,
      each.to_date,
      count(each.rows_in),
      count(each.rows_out),
      duration(each.seconds * 1_000),
    ])
    out.line()
    out.line(
      table(
        [{ title: 'table' }, { title: 'from' }, { title: 'to' }, right('rows in'), right('rows out'), right('took')],
        stepRows,
        out.colors,
      ),
    )
    out.line(out.colors.dim('rows in: of all tables that one reads, added up (docs/MODELS.md names them)'))
  }
  printChecked(context, checks)
  for (const each of checks.filter(({ state }) => state === 'failed')) {
    const mark = each.severity === 'stop' ? out.colors.red('✗ stopped') : out.colors.yellow('! warned')
    out.line(`  ${mark}  ${each.model}  ${each.name}  ${count(each.failing_rows)} rows`)
    const kept = rows.filter((row) => row.model === each.model && row.name === each.name)
    for (const row of kept.slice(0, FAILED_SHOWN)) out.line(`      ${printable(row.row_json).slice(0, FAILED_CHARS)}`)
  }
}

/** Where it did not make just what it was asked for. */
function printDue({ out }: Pick<Context, 'out'>, { from_date: from, to_date: to, state }: RunShown, due: RunDetail['due']): void {
  if (from === null || to === null || state === 'running') return
  const notThere = notInBronze({ from, to }, due.find(({ why }) => why === 'asked for')?.from_date)
  if (notThere) out.line(notThere)
  const others = due.filter(({ why }) => why !== 'asked for')
  const words = others.map(({ why, days, ...of }) =>
    days === 1 ? `${of.from_date} (${why})` : `${count(days)} days of ${of.from_date} to ${of.to_date} (${why})`,
  )
  if (words.length > 0) out.line(`${state === 'done' ? 'Made' : 'To be made'} besides what was asked for: ${words.join(', ')}.`)
}

const STATE_WORDS = {
  passed: 'passed',
  failed: 'failed',
  no_history: 'no history yet',
  no_reference: 'nothing to refer to',
  never_run: 'never run',
} as const

function printChecked({ out }: Pick<Context, 'out'>, checks: readonly { state: keyof typeof STATE_WORDS }[]): void {
  const said = (Object.keys(STATE_WORDS) as (keyof typeof STATE_WORDS)[]).flatMap((state) => {
    const found = checks.filter((each) => each.state === state).length
    if (found === 0) return []
    const words = found === checks.length && state === 'passed' ? 'all passed' : `${count(found)} ${STATE_WORDS[state]}`
    return [state === 'failed' ? out.colors.red(words) : words]
  })
  out.line(`\n${[`${count(checks.length)} checks`, ...said].join(', ')}`)
}

const CHECK_COLORS = { passed: 'green', failed: 'red', no_history: 'cyan', no_reference: 'cyan', never_run: 'gray' } as const
const CHECK_CHARS = 60

async function checks(context: Context, { date }: { date?: string }): Promise<ExitCode> {
  return withEtl(context, async (etl) => {
    const { out } = context
    const found = await etl.checks(date)
    if (out.isJson) out.json(found)
    else if (date !== undefined && found.every(({ state }) => state === 'never_run'))
      out.line(`${date} was never made: no check has looked at it.`)
    else {
      const rows = found.map(({ model, name, severity, state, latest }) => [
        out.colors[CHECK_COLORS[state]](STATE_WORDS[state]),
        severity,
        model,
        name.length > CHECK_CHARS ? `${name.slice(0, CHECK_CHARS)}…` : name,
        latest ? count(latest.failing_rows) : '–',
        latest ? String(latest.run_id) : '–',
      ])
      const columns = [{ title: 'state' }, { title: 'if it fails' }, { title: 'table' }, { title: 'check' }, right('failing'), right('run')]
      out.line(table(columns, rows, out.colors))
      printChecked(context, found)
    }
    return found.some(({ state, severity }) => state === 'failed' && severity === 'stop') ? EXIT.failed : EXIT.done
  })
}

function list(context: Context, limit: number): Promise<ExitCode> {
  return withEtl(context, async (etl) => {
    const runs = await etl.runs(limit)
    if (context.out.isJson) context.out.json(runs)
    else if (runs.length === 0) context.out.note('There has been no run.')
    else printRuns(context, runs)
    return EXIT.done
  })
}

function show(context: Context, id: number): Promise<ExitCode> {
  return withEtl(context, async (etl) => {
    const found = await etl.run(id)
    if (!found) context.out.note(`There is no run ${id}.`)
    else if (context.out.isJson) context.out.json(found)
    else printRun(context, found)
    return found ? EXIT.done : EXIT.failed
  })
}
