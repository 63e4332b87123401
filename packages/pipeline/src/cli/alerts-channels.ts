import { Command } from 'commander'
import { channelStates, type ChannelState } from '../ops/channels.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { count, counted, dateTime, printable, table, type Colors } from './output.ts'

const DETAIL_CHARS_MAX = 100

/** `alerts channels`: how alerts get to people. Exits 3 where one of them cannot be used just now. */
export function alertsChannelsCommand(cli: Cli): Command {
  return new Command('channels')
    .description('the channels of alerts: what waits, what was sent last, and what is wrong')
    .addHelpText('after', example('alerts channels', 'alerts channels --json'))
    .action(action<object, []>(cli, show))
}

async function show(context: Context): Promise<ExitCode> {
  const { out } = context
  const channels = await withStores(context, channelStates)
  if (out.isJson) out.json({ channels })
  else if (channels.length === 0) out.note('No channel has begun yet: config/alerts.yaml names them, and the notifier runs them.')
  else out.line(tableOf(channels, out.colors))
  return channels.some((each) => each.trouble !== null || isRefusing(each)) ? EXIT.unhealthy : EXIT.done
}

/** Its receiver took nothing of the last alert, and never will: the next one may be no other. */
const isRefusing = ({ last }: ChannelState) => last?.outcome === 'refused'

function tableOf(channels: readonly ChannelState[], c: Colors): string {
  const rows = channels.map((each) => [
    c.cyan(each.channel),
    each.trouble ? c.red('down') : isRefusing(each) ? c.red('refusing') : c.green('well'),
    count(each.waiting),
    count(each.sent),
    lastOf(each, c),
    aboutOf(each, c),
  ])
  const right = (title: string) => ({ title, align: 'right' as const })
  return table([{ title: 'channel' }, { title: '' }, right('waiting'), right('sent'), { title: 'last' }, { title: 'of it' }], rows, c)
}

function lastOf({ last }: ChannelState, c: Colors): string {
  return last ? `${dateTime(last.at)} ${last.outcome === 'refused' ? c.red('refused') : 'delivered'}` : c.dim('nothing yet')
}

function aboutOf({ last, trouble }: ChannelState, c: Colors): string {
  if (trouble) return `since ${dateTime(trouble.since)}, tried ${counted(trouble.tries, 'time')}: ${cut(trouble.detail)}`
  if (!last) return ''
  return last.outcome === 'refused' ? `${cut(last.detail)}: ${cut(last.heading)}` : c.dim(cut(last.heading))
}

const cut = (text: string) => printable(text).slice(0, DETAIL_CHARS_MAX)
