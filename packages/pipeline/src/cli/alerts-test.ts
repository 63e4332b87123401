import { randomUUID } from 'node:crypto'
import { isoOf, type Alert } from '@flowguard/contract'
import { Command } from 'commander'
import { readEnvironment, type Settings } from '../kernel/config.ts'
import type { Channel } from '../notify/channels.ts'
import { parseChannels } from '../notify/channels.ts'
import { messageOf, type Message } from '../notify/message.ts'
import { senderOf } from '../wiring/notify.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { printable, table } from './output.ts'

interface Flags {
  channel?: string
}

interface Outcome {
  channel: string
  type: Channel['type']
  ok: boolean
  /** What the receiver said, or why it was not reached. */
  detail: string
}

/** `alerts test`: sends one alert through the channels, from here and now. `node` is that of `channels` in the file of alerts. */
export function alertsTestCommand(cli: Cli, node: (settings: Settings) => unknown): Command {
  return new Command('test')
    .description('send one alert through the channels of config/alerts.yaml, and say what came of it')
    .option('--channel <name>', 'only this one')
    .addHelpText('after', example('alerts test', 'alerts test --channel pager'))
    .action(action<Flags, []>(cli, (context, flags) => sendOne(context, flags, parseChannels(node(context.settings)).channels)))
}

async function sendOne(context: Context, { channel: name }: Flags, all: readonly Channel[]): Promise<ExitCode> {
  const { out, io, settings } = context
  const channels = name === undefined ? all : all.filter((each) => each.name === name)
  if (channels.length === 0) {
    out.note(
      all.length === 0 ? 'There are no channels.' : `There is no channel ${name}. There are ${all.map((each) => each.name).join(', ')}.`,
    )
    return EXIT.misused
  }
  const message = testMessage(io.clock(), settings.OPS_URL)
  const outcomes = await Promise.all(channels.map((channel) => outcomeOf(context, channel, message)))
  if (out.isJson) out.json({ id: message.id, channels: outcomes })
  else {
    const c = out.colors
    const rows = outcomes.map(({ channel, type, ok, detail }) => [
      c.cyan(channel),
      type,
      ok ? c.green('sent') : c.red('failed'),
      printable(detail),
    ])
    out.line(table([{ title: 'channel' }, { title: 'type' }, { title: '' }, { title: 'it said' }], rows, c))
  }
  return outcomes.every(({ ok }) => ok) ? EXIT.done : EXIT.failed
}

async function outcomeOf({ io }: Context, channel: Channel, message: Message): Promise<Outcome> {
  const { env, cwd, clock, stderr, signal } = io
  const console = { write: (text: string) => stderr.write(text), isColoured: stderr.isTTY === true && !env['NO_COLOR'] }
  const { name, type } = channel
  try {
    const detail = await senderOf(channel, { env: readEnvironment(env, cwd), clock, console }).send(message, signal)
    return { channel: name, type, ok: true, detail }
  } catch (error) {
    signal.throwIfAborted()
    return { channel: name, type, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

function testMessage(now: number, consoleUrl: string): Message {
  const id = `test/${randomUUID()}`
  const alert: Alert = {
    alert_id: id,
    kind: 'test',
    severity: 'info',
    title: 'This is a test of the alerts',
    detail: 'Somebody asked FlowGuard to send it with `flowguard alerts test`. Nothing is wrong, and nothing is to be done.',
    raised_at: isoOf(now),
  }
  return messageOf(alert, { id, consoleUrl })
}
