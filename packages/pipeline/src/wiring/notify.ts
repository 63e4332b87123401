import { readEnvironment } from '../kernel/config.ts'
import type { Clock, Part } from '../kernel/lifecycle.ts'
import { consoleSender, type Console } from '../notify/adapters/console.ts'
import { slackSender } from '../notify/adapters/slack.ts'
import { smtpSender } from '../notify/adapters/smtp.ts'
import { webhookSender } from '../notify/adapters/webhook.ts'
import { channelReader } from '../notify/channel-reader.ts'
import { channelSet } from '../notify/channel-set.ts'
import { parseChannels, urlFault, type Channel, type Target } from '../notify/channels.ts'
import { Unavailable, type Sender } from '../notify/sender.ts'
import { customersNotified } from './customers.ts'
import type { Machine } from './machine.ts'

interface SenderOptions {
  /** Secrets, by the names that the file gives. */
  env: NodeJS.Dict<string>
  clock: Clock
  console: Console
}

/** The way to people that a channel is. A secret that is not set makes it one that is down: its alerts wait until it is. */
export function senderOf(channel: Channel, options: SenderOptions): Sender {
  try {
    return madeOf(channel, options)
  } catch (error) {
    const fault = error as Error
    return { send: () => Promise.reject(fault) }
  }
}

function madeOf(channel: Channel, { env, clock, console }: SenderOptions): Sender {
  switch (channel.type) {
    case 'console':
      return consoleSender(console)
    case 'slack':
      return slackSender({ url: urlOf(channel, env), isPrivateAllowed: channel.isPrivateAllowed })
    case 'webhook': {
      const { isPrivateAllowed, secretEnv } = channel
      return webhookSender({ url: urlOf(channel, env), secret: secretOf(secretEnv, env), isPrivateAllowed, clock })
    }
    case 'email': {
      const { host, port, from, to, tls, login } = channel
      const own = login && { user: secretOf(login.userEnv, env), password: secretOf(login.passwordEnv, env) }
      return smtpSender({ host, port, from, to, tls, login: own })
    }
  }
}

function urlOf({ target, isPrivateAllowed }: { target: Target; isPrivateAllowed: boolean }, env: NodeJS.Dict<string>): string {
  if ('url' in target) return target.url
  const url = secretOf(target.urlEnv, env)
  const fault = urlFault(url, isPrivateAllowed)
  if (fault !== undefined) throw new Unavailable(`${target.urlEnv} ${fault}`)
  return url
}

function secretOf(name: string, env: NodeJS.Dict<string>): string {
  const value = env[name]
  if (value === undefined || value === '') throw new Unavailable(`${name} is set neither in the environment nor in .env`)
  return value
}

/** For the role `notifier`: alerts to people, and what customers are told. `channels` is the node of config/alerts.yaml as it is now. */
export async function notifierParts(machine: Machine, channels: () => unknown): Promise<Part[]> {
  const { settings, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const store = { db, path, derived, clock, logger, consoleUrl: settings.OPS_URL }
  const { stderr } = process
  const console = { write: (text: string) => stderr.write(text), isColoured: stderr.isTTY && !process.env['NO_COLOR'] }
  const reader = (channel: Channel) => {
    // Read anew: a secret may have come with the channel.
    const env = readEnvironment(process.env, process.cwd())
    return channelReader(channel, senderOf(channel, { env, clock, console }), store)
  }
  return [channelSet({ db, path, channels: () => parseChannels(channels()).channels, reader }), ...(await customersNotified(machine))]
}
