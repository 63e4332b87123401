import { readFileSync } from 'node:fs'
import { DEAD_REASONS, LATENESS_MS, TOPICS } from '@flowguard/contract'
import { Command, Option } from 'commander'
import { FlowGuardError } from '../kernel/errors.ts'
import { deadLetter, deadLetters, PAGE_COUNT_MAX, type DeadList, type DeadShown, type DeadState } from '../ops/dead.ts'
import type { Settled } from '../ops/dead-settle.ts'
import { action, EXIT, example, wholeNumber, type Cli, type Context, type ExitCode } from './cli.ts'
import { keyForOps, requestOk } from './http.ts'
import { withStores } from './look.ts'
import { count, counted, dateTime, pairs, printable, table, type Output } from './output.ts'

const LIST_COUNT = 20
/** Records of one request: between two, it is seen how far it has got. */
const ROUND_COUNT = 100
/** A round of them may take its time. */
const ROUND_MS_MAX = 2 * 60_000

interface Filter {
  reason?: string
  reader?: string
  topic?: string
}

interface ListFlags extends Filter {
  state?: DeadState
  limit: number
  after?: string
}

interface SettleFlags extends Filter {
  all?: true
  note?: string
  file?: string
}

/** `dead`: what could not be worked off. Looking reads the stores; settling asks the pipeline, which owns them. */
export function deadCommand(cli: Cli): Command {
  const dead = new Command('dead')
    .description('dead letters: what could not be worked off')
    .usage('<command> [options]')
    .addHelpText('after', example('dead list', 'dead show DEAD_ID', 'dead retry --reason handler_failed'))
  dead.addCommand(
    filtered(new Command('list').description('by reason, and the newest of them'))
      .addOption(new Option('--state <state>', 'only these').choices(['waiting', 'retried', 'dropped']))
      .option('--limit <n>', 'how many to show', wholeNumber(1, PAGE_COUNT_MAX), LIST_COUNT)
      .option('--after <place>', 'the page after this one')
      .addHelpText('after', example('dead list', 'dead list --reason id_conflict --limit 100', 'dead list --state waiting --json'))
      .action(action<ListFlags, []>(cli, list)),
  )
  dead.addCommand(
    new Command('show')
      .description('one letter: its bytes, what is wrong with it, what was done')
      .argument('<id>', 'its dead_id')
      .addHelpText('after', example('dead show stream/raw.clicks.v1-3-1234'))
      .action(action<object>(cli, show)),
  )
  dead.addCommand(
    settling(new Command('retry').description('send letters again, as they were, or one with other bytes'))
      .option('--file <path>', 'with an id: the event to send in its place; - is stdin')
      .addHelpText(
        'after',
        example(
          'dead retry stream/raw.clicks.v1-3-1234 --file edited.json',
          'dead retry --reason handler_failed --note "the fault is mended"',
        ),
      )
      .action(action<SettleFlags, [string | undefined]>(cli, (context, flags, id) => settle(context, 'retry', flags, id))),
  )
  dead.addCommand(
    settling(new Command('drop').description('give letters up'))
      .addHelpText('after', example('dead drop stream/raw.clicks.v1-3-1234 --note "a test of theirs"'))
      .action(action<SettleFlags, [string | undefined]>(cli, (context, flags, id) => settle(context, 'drop', flags, id))),
  )
  return dead
}

function settling(command: Command): Command {
  return filtered(command.argument('[id]', 'one letter’s dead_id'))
    .option('--all', 'every letter that waits')
    .option('--note <text>', 'why; kept with it, and needed for a drop')
}

function filtered(command: Command): Command {
  return command
    .addOption(new Option('--reason <reason>', 'only those that died of this').choices([...DEAD_REASONS]))
    .option('--reader <name>', 'only those that this reader buried')
    .addOption(new Option('--topic <topic>', 'only those from this topic').choices(TOPICS))
}

async function list(context: Context, { limit, after, reason, reader, topic, state }: ListFlags): Promise<ExitCode> {
  const { out } = context
  const found = await withStores(context, (stores) => deadLetters(stores, { reason, reader, topic, state }, { after, limit }))
  if (out.isJson) out.json(found)
  else if (found.total === 0)
    out.note([reason, reader, topic, state].every((each) => each === undefined) ? 'There are no dead letters.' : 'No dead letter fits.')
  else printList(out, found)
  return EXIT.done
}

function printList(out: Output, { total, groups, letters, next_after: nextAfter }: DeadList): void {
  const c = out.colors
  const right = (title: string) => ({ title, align: 'right' as const })
  const groupRows = groups.map((each) => [c.red(each.reason), each.reader, count(each.count), count(each.waiting), dateTime(each.newest)])
  out.line(table([{ title: 'reason' }, { title: 'reader' }, right('letters'), right('waiting'), { title: 'newest' }], groupRows, c))
  out.line()
  const rows = letters.map((each) => [
    dateTime(each.died_at),
    c.cyan(each.dead_id),
    each.reason,
    each.state,
    printable(each.detail).slice(0, 100),
  ])
  out.line(table([{ title: 'died' }, { title: 'dead_id' }, { title: 'reason' }, { title: 'state' }, { title: 'detail' }], rows, c))
  if (nextAfter !== null) out.note(`${count(letters.length)} of ${count(total)}; further with --after '${nextAfter}'`)
}

async function show(context: Context, _options: object, id = ''): Promise<ExitCode> {
  const { out } = context
  const letter = await withStores(context, (stores) => deadLetter(stores, id))
  if (!letter) {
    out.note(`There is no dead letter ${printable(id)}.`)
    return EXIT.failed
  }
  if (out.isJson) out.json(letter)
  else printLetter(out, letter)
  return EXIT.done
}

function printLetter(out: Output, letter: DeadShown): void {
  const {
    dead_id: id,
    reason,
    detail,
    reader,
    topic,
    partition,
    offset,
    tries,
    died_at: diedAt,
    key,
    event_id: eventId,
    trace_id: traceId,
    state,
    fault,
  } = letter
  const entries: [string, string][] = [
    ['dead_id', id],
    ['reason', `${out.colors.red(reason)}: ${printable(detail)}`],
    ['buried by', `${reader}, after ${tries} ${tries === 1 ? 'try' : 'tries'}, ${dateTime(diedAt)}`],
    ['from', `${topic}-${partition}@${offset}, key ${key === null ? 'none' : printable(key)}`],
    ['event_id', eventId === null ? 'cannot be read' : printable(eventId)],
    ['trace_id', traceId ?? 'none'],
    ['as an event', fault === null ? 'fits the schema' : printable(fault)],
    ...lateness(letter),
    ['state', state],
    ...letter.actions.map(({ action: done, at, reason: why, sent_to: to, edited }): [string, string] => [
      done,
      [dateTime(at), ...(edited ? ['edited,'] : []), ...(to === null ? [] : [`to ${to}`]), printable(why)].join(' ').trimEnd(),
    ]),
  ]
  out.line(pairs(entries, out.colors))
  out.line()
  out.line(letter.decoded === undefined ? printable(letter.raw) : JSON.stringify(letter.decoded, null, 2))
}

/** What would become of it now: its event time stays what it was. */
function lateness({ decoded, partition_ts: partitionTs }: DeadShown): [string, string][] {
  const ts = (decoded as { ts?: unknown } | null | undefined)?.ts
  if (typeof ts !== 'number' || partitionTs === null || partitionTs - ts <= LATENESS_MS) return []
  return [['late', `by ${count(Math.round((partitionTs - ts) / 1_000))} s: sent again with this ts, it counts as late`]]
}

async function settle(
  { settings, out, io }: Context,
  what: 'retry' | 'drop',
  flags: SettleFlags,
  id: string | undefined,
): Promise<ExitCode> {
  const { reason, reader, topic, all, note, file } = flags
  if ([id, reason, reader, topic, all].every((each) => each === undefined)) {
    out.note('Say which letters: an id, --reason, --reader, --topic, or --all.')
    return EXIT.misused
  }
  if (what === 'drop' && !note?.trim()) {
    out.note('Say why nobody wants them: --note TEXT.')
    return EXIT.misused
  }
  if (file !== undefined && (id === undefined || [reason, reader, topic, all].some((each) => each !== undefined))) {
    out.note('--file is one event: it goes with an id alone.')
    return EXIT.misused
  }
  const value = file === undefined ? undefined : textOf(file)
  const url = `${settings.OPS_URL}/api/dead/${what}`
  const ask: Ask = async (more) =>
    (await requestOk(url, {
      method: 'POST',
      body: JSON.stringify({ dead_id: id, reason, reader, topic, all, note, value, ...more }),
      key: keyForOps(settings),
      timeoutMs: ROUND_MS_MAX,
      signal: io.signal,
    })) as Settled
  const { settled, left, error } = id === undefined ? await inRounds(ask, out) : { settled: await ask({}), left: 0 }
  if (out.isJson) out.json({ ...settled, ...(left > 0 && { left }) })
  else printSettled(out, what, settled)
  if (error) {
    out.note(`${counted(left, 'letter')} left as they were: the same command goes on with them.`)
    throw error
  }
  const { letters, failed } = settled
  if (letters === 0 && failed.length === 0)
    out.note(id === undefined ? 'No waiting letter fits.' : `There is no dead letter ${printable(id)} that waits: npx flowguard dead list`)
  return failed.length > 0 || (id !== undefined && letters === 0) ? EXIT.failed : EXIT.done
}

type Ask = (more: { limit?: number; after?: string; died_by?: string | undefined }) => Promise<Settled>

/** Many letters, so many records at a time. What was done before the error is not forgotten. */
async function inRounds(ask: Ask, out: Output): Promise<{ settled: Settled; left: number; error?: Error }> {
  const settled: Settled = { letters: 0, records: 0, failed: [] }
  let round = await ask({ limit: ROUND_COUNT })
  for (;;) {
    settled.letters += round.letters
    settled.records += round.records
    settled.failed.push(...round.failed)
    const { left = 0, next_after: after, died_by: diedBy } = round
    if (!after) break
    out.progress(`${count(settled.letters)} of ${counted(settled.letters + settled.failed.length + left, 'letter')}`)
    try {
      round = await ask({ limit: ROUND_COUNT, after, died_by: diedBy })
    } catch (error) {
      out.endProgress()
      return { settled, left, error: error as Error }
    }
  }
  out.endProgress()
  return { settled, left: 0 }
}

function printSettled(out: Output, what: 'retry' | 'drop', { letters, records, failed, sent_to: sentTo }: Settled): void {
  out.line(
    what === 'retry'
      ? `${counted(records, 'record')} sent again${sentTo === undefined ? '' : ` to ${sentTo}`}, of ${counted(letters, 'letter')}.`
      : `${counted(letters, 'letter')} given up.`,
  )
  for (const each of failed) out.line(`  ${out.colors.red('not')} ${each.dead_id}: ${printable(each.detail)}`)
}

function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new FlowGuardError('file_missing', `${file}: ${(error as Error).message}`, error)
  }
}
