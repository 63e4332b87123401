import { ALERT_SEVERITIES, ALERT_STATES, type AlertSeverity, type AlertState, type ExpectedRange } from '@flowguard/contract'
import { Command, Option } from 'commander'
import { readAlertRules } from '../alerts/rules-file.ts'
import { checkChannels } from '../notify/channels.ts'
import { alert, alerts, PAGE_COUNT_MAX, type AlertShown } from '../ops/alerts.ts'
import { alertsChannelsCommand } from './alerts-channels.ts'
import { alertsTestCommand } from './alerts-test.ts'
import { action, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { keyForOps, refused, request } from './http.ts'
import { withStores } from './look.ts'
import { count, dateTime, duration, pairs, printable, table, type Colors } from './output.ts'

const LIST_COUNT = 20
const TITLE_CHARS = 90

interface ListFlags {
  kind?: string
  severity?: AlertSeverity
  state?: AlertState
  limit: number
  after?: number
}

interface ActFlags {
  note?: string
}

/** `alerts`: what somebody should know of. Looking reads the stores; what an operator does is asked of the pipeline, which owns them. */
export function alertsCommand(cli: Cli): Command {
  const command = new Command('alerts')
    .description('what somebody should know of: anomalies, signs of fraud, faults of the pipeline, budgets')
    .usage('<command> [options]')
    .addHelpText('after', example('alerts list --state open', 'alerts show ID', 'alerts ack ID --note "on it"'))
  command.addCommand(
    new Command('list')
      .description('what was told last comes first')
      .option('--kind <kind>', 'only this kind')
      .addOption(new Option('--severity <severity>', 'only this severity').choices(ALERT_SEVERITIES))
      .addOption(new Option('--state <state>', 'only these').choices(ALERT_STATES))
      .option('--limit <n>', 'how many to show', wholeNumber(1, PAGE_COUNT_MAX), LIST_COUNT)
      .option('--after <place>', 'the page after this one', wholeNumber(0))
      .addHelpText('after', example('alerts list', 'alerts list --state open --json'))
      .action(action<ListFlags, []>(cli, list)),
  )
  command.addCommand(
    new Command('show')
      .description('one alert: what was seen, what is usual, how often and since when')
      .argument('<id>', 'its alert_id')
      .addHelpText('after', example('alerts show orders_per_user/u-7/1767225600000'))
      .action(action<object>(cli, show)),
  )
  command.addCommand(acting(cli, 'ack', 'acknowledge', 'somebody has seen it, and sees to it'))
  command.addCommand(acting(cli, 'resolve', 'resolve', 'it is over; what it is about may raise it again'))
  command.addCommand(alertsTestCommand(cli, ({ ALERTS_FILE }) => readAlertRules(ALERTS_FILE, checkChannels).channels))
  command.addCommand(alertsChannelsCommand(cli))
  return command
}

function acting(cli: Cli, name: string, act: 'acknowledge' | 'resolve', about: string): Command {
  return new Command(name)
    .description(about)
    .argument('<id>', 'its alert_id')
    .option('--note <text>', 'kept with it')
    .addHelpText('after', example(`alerts ${name} orders_per_user/u-7/1767225600000 --note "a test of ours"`))
    .action(action<ActFlags>(cli, (context, flags, id = '') => doAct(context, act, flags, id)))
}

async function list(context: Context, { limit, after, ...filter }: ListFlags): Promise<ExitCode> {
  const { out } = context
  const found = await withStores(context, (stores) => alerts(stores, filter, { after, limit }))
  if (out.isJson) {
    out.json(found)
    return EXIT.done
  }
  if (found.total === 0) {
    out.note(Object.keys(filter).length === 0 ? 'No alert has been raised.' : 'No alert fits.')
    return EXIT.done
  }
  const c = out.colors
  const columns = [
    { title: 'told' },
    { title: 'severity' },
    { title: 'state' },
    { title: 'seen', align: 'right' as const },
    { title: 'alert_id' },
    { title: '' },
  ]
  const rows = found.alerts.map((shown) => {
    const { alert_id: id, raised_at: raised, severity, title, count: seen } = shown.alert
    const times = seen === undefined ? '' : count(seen)
    return [dateTime(raised), inColor(severity, c), stateOf(shown), times, c.cyan(printable(id)), printable(title).slice(0, TITLE_CHARS)]
  })
  out.line(table(columns, rows, c))
  const isAll = Object.keys(filter).length === 0
  out.note(
    isAll ? `${count(found.total)} in all, ${count(found.open)} open` : `${count(found.total)} fit; ${count(found.open)} open in all`,
  )
  if (found.next_after !== null) out.note(`further with --after ${found.next_after}`)
  return EXIT.done
}

async function show(context: Context, _options: object, id = ''): Promise<ExitCode> {
  const { out } = context
  const shown = await withStores(context, (stores) => alert(stores, id))
  if (!shown) {
    out.note(`There is no alert ${printable(id)}: npx flowguard alerts list`)
    return EXIT.failed
  }
  if (out.isJson) out.json(shown)
  else out.line(pairs(linesOf(shown, out.colors), out.colors))
  return EXIT.done
}

function linesOf(shown: AlertShown, c: Colors): [string, string][] {
  const { alert: of, acknowledged_at: acknowledged, note } = shown
  const entries: [string, string | null | undefined][] = [
    ['alert_id', of.alert_id],
    ['', of.title],
    ['detail', of.detail],
    ['reason', of.reason],
    ['severity', inColor(of.severity, c)],
    ['kind', of.kind],
    ['state', stateOf(shown)],
    ['value', typeof of.value !== 'number' ? undefined : `${of.value}${of.expected ? `, usual is ${rangeOf(of.expected)}` : ''}`],
    [
      'seen',
      of.count === undefined
        ? undefined
        : `${count(of.count)} times, first ${dateTime(of.since ?? null)}, last ${dateTime(of.last_seen ?? null)}`,
    ],
    ['told', dateTime(of.raised_at)],
    [
      'over',
      typeof of.resolved_at !== 'string'
        ? undefined
        : `${dateTime(of.resolved_at)}, after ${duration(of.duration_ms ?? 0)}, by ${of.resolved_by}`,
    ],
    ['acknowledged', acknowledged === null ? undefined : dateTime(acknowledged)],
    ['note', note],
  ]
  return entries.flatMap(([name, value]) =>
    value === undefined || value === null || value === '' ? [] : [[name, name === 'severity' ? value : printable(value)]],
  )
}

/** `at most 5`, `2 to 3`. */
function rangeOf({ low, high }: ExpectedRange): string {
  if (low === null) return `at most ${high}`
  return high === null ? `at least ${low}` : `${low} to ${high}`
}

const stateOf = ({ alert: { state }, acknowledged_at: acknowledged }: AlertShown) =>
  state === 'open' && acknowledged !== null ? 'open, acknowledged' : (state ?? 'told')

const inColor = (severity: AlertSeverity, c: Colors) =>
  severity === 'critical' ? c.red(severity) : severity === 'warning' ? c.yellow(severity) : severity

async function doAct({ settings, out, io }: Context, act: 'acknowledge' | 'resolve', { note }: ActFlags, id: string): Promise<ExitCode> {
  const url = `${settings.OPS_URL}/api/alerts/${encodeURIComponent(id)}/${act}`
  const answer = await request(url, { method: 'POST', body: JSON.stringify({ note }), key: keyForOps(settings), signal: io.signal })
  if (answer.status === 404 || answer.status === 409) {
    const why = (answer.body as { detail?: string }).detail ?? ''
    out.note(`${printable(id)}: ${why}; npx flowguard alerts list --state open`)
    return EXIT.failed
  }
  if (answer.status !== 200) throw refused(url, answer)
  if (out.isJson) out.json(answer.body)
  else out.line(act === 'acknowledge' ? 'Acknowledged.' : 'Resolved.')
  return EXIT.done
}
