import { Command } from 'commander'
import { groups, type Group, type Groups } from '../ops/groups.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { count, dateTime, table, type Colors } from './output.ts'

export function groupsCommand(cli: Cli): Command {
  return new Command('groups')
    .description('the readers of the log, and how far behind each is')
    .argument('[reader]', 'only this one, partition by partition')
    .addHelpText('after', example('groups', 'groups stream'))
    .action(action<object, [string | undefined]>(cli, (context, _options, reader) => showGroups(context, reader)))
}

async function showGroups(context: Context, reader: string | undefined): Promise<ExitCode> {
  const { out } = context
  const state = await withStores(context, groups)
  const readers = reader === undefined ? state.readers : state.readers.filter(({ name }) => name === reader)
  if (readers.length === 0) {
    out.note(`There is no reader ${reader}. There are ${state.readers.map(({ name }) => name).join(', ')}.`)
    return EXIT.misused
  }
  if (out.isJson) out.json({ ...state, readers })
  else out.line(reader === undefined ? overview(state, out.colors) : readers.map((each) => byPartition(each, out.colors)).join('\n'))
  return EXIT.done
}

const TALLY = ['read', 'applied', 'duplicate', 'late', 'skipped', 'dead'] as const
const right = (title: string) => ({ title, align: 'right' as const })
const HEARTBEATS = right('of these heartbeats')

function overview({ readers, watermark }: Groups, c: Colors): string {
  const rows = readers.map(({ name, lag, caught_up: isLevel, tally, partitions }) => [
    c.cyan(name),
    lagText(lag, c),
    isLevel ? c.green('level') : c.yellow('behind'),
    ...TALLY.map((key) => tallyText(key, tally[key], c)),
    count(partitions.reduce((sum, { heartbeats }) => sum + heartbeats, 0)),
  ])
  const text = table([{ title: 'reader' }, right('lag'), { title: '' }, ...TALLY.map(right), HEARTBEATS], rows, c)
  return `${text}\n\n${c.dim('watermark')}  ${watermark === null ? 'none yet' : dateTime(watermark)}`
}

function byPartition({ partitions }: Group, c: Colors): string {
  const rows = partitions.map(({ topic, partition, next, end, lag, time, tally, heartbeats }) => [
    c.cyan(`${topic}-${partition}`),
    count(next),
    count(end),
    lagText(lag, c),
    dateTime(time),
    ...TALLY.map((key) => tallyText(key, tally[key], c)),
    count(heartbeats),
  ])
  const columns = [
    { title: 'partition' },
    right('next'),
    right('end'),
    right('lag'),
    { title: 'its time' },
    ...TALLY.map(right),
    HEARTBEATS,
  ]
  return table(columns, rows, c)
}

function lagText(lag: number, c: Colors): string {
  return lag === 0 ? '0' : c.yellow(count(lag))
}

function tallyText(key: (typeof TALLY)[number], value: number, c: Colors): string {
  return key === 'dead' && value > 0 ? c.red(count(value)) : count(value)
}
