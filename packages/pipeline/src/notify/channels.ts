import { ALERT_SEVERITIES, gravityOf, type Alert, type AlertSeverity } from '@flowguard/contract'

interface Named {
  name: string
  /** Alerts below it are none of this channel's. */
  minSeverity: AlertSeverity
  /** Only these kinds; undefined: all. */
  kinds: readonly string[] | undefined
}

/** Where a channel posts to: the address itself, or the environment variable that holds it where the address is a secret. */
export type Target = { url: string } | { urlEnv: string }

interface Posting extends Named {
  target: Target
  /** Inner networks, loopback and plain http too. */
  isPrivateAllowed: boolean
}

export interface ConsoleChannel extends Named {
  type: 'console'
}
export interface SlackChannel extends Posting {
  type: 'slack'
}
export interface WebhookChannel extends Posting {
  type: 'webhook'
  /** The environment variable that holds what bodies are signed with. */
  secretEnv: string
}
export interface EmailChannel extends Named {
  type: 'email'
  host: string
  port: number
  from: string
  to: readonly string[]
  /** The environment variables that hold user and password; undefined where the server wants none. */
  login: { userEnv: string; passwordEnv: string } | undefined
  tls: (typeof TLS)[number]
}
export type Channel = ConsoleChannel | SlackChannel | WebhookChannel | EmailChannel

/** What a file says of its channels; where `faults` has an entry, the file is not to be used. */
export interface ParsedChannels {
  channels: readonly Channel[]
  /** One line each, with the place in the file. */
  faults: readonly string[]
}

const TYPES = ['console', 'slack', 'webhook', 'email'] as const
/** `starttls` (never without), TLS from the first byte, or none at all. */
const TLS = ['starttls', 'implicit', 'off'] as const
const PORTS = { starttls: 587, implicit: 465, off: 25 } as const
const NAME = /^[a-z\d](?:[a-z\d-]{0,30}[a-z\d])?$/
const ENV_NAME = /^[A-Z][A-Z\d_]{0,127}$/
const MAIL = /^(?:[^<>\r\n]{1,128}<)?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?$/
const HOST = /^[\w.:-]{1,255}$/
const CHANNELS_MAX = 32
const RECIPIENTS_MAX = 50

/** The channels of `config/alerts.yaml`, as its parser gives the node; where there is none, the console alone. */
export function parseChannels(node: unknown): ParsedChannels {
  if (node === undefined || node === null)
    return { channels: [{ type: 'console', name: 'console', minSeverity: 'info', kinds: undefined }], faults: [] }
  if (!Array.isArray(node)) return { channels: [], faults: ['channels must be a list'] }
  const faults: string[] = []
  const channels = (node as unknown[]).flatMap((each, at) => channelOf(each, `channels[${at}]`, faults) ?? [])
  const names = channels.map(({ name }) => name)
  for (const name of new Set(names.filter((each, at) => names.indexOf(each) !== at))) faults.push(`channels: two are called ${name}`)
  if (node.length > CHANNELS_MAX) faults.push(`channels must be at most ${CHANNELS_MAX}`)
  return { channels: faults.length > 0 ? [] : channels, faults }
}

function channelOf(node: unknown, place: string, faults: string[]): Channel | undefined {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return void faults.push(`${place} must be a mapping`)
  const before = faults.length
  const read = fieldsOf(node as Record<string, unknown>, place, faults)
  const type = read.oneOf('type', TYPES)
  const named = {
    name: read.text('name', NAME, 'must be small letters, digits and dashes, at most 32') ?? '',
    minSeverity: read.oneOf('min_severity', ALERT_SEVERITIES, 'info') ?? 'info',
    kinds: read.texts('kinds', /^[\w.-]{1,64}$/, 'must be a list of kinds of alerts'),
  }
  const channel = type && bodyOf(type, named, read)
  read.refuseOthers()
  return faults.length > before ? undefined : channel
}

function bodyOf(type: (typeof TYPES)[number], named: Named, read: Fields): Channel {
  switch (type) {
    case 'console':
      return { type, ...named }
    case 'slack':
      return { type, ...named, ...postingOf(read) }
    case 'webhook':
      return { type, ...named, ...postingOf(read), secretEnv: read.env('secret_env') ?? '' }
    case 'email': {
      const tls = read.oneOf('tls', TLS, 'starttls') ?? 'starttls'
      const userEnv = read.env('user_env', true)
      const passwordEnv = read.env('password_env', true)
      if ((userEnv === undefined) !== (passwordEnv === undefined)) read.fault('user_env', 'and password_env go together')
      return {
        type,
        ...named,
        tls,
        host: read.text('host', HOST, 'must be the name of the SMTP server') ?? '',
        port: read.whole('port', 1, 65_535, PORTS[tls]),
        from: read.text('from', MAIL, 'must be an e-mail address') ?? '',
        to: read.recipients(),
        login: userEnv !== undefined && passwordEnv !== undefined ? { userEnv, passwordEnv } : undefined,
      }
    }
  }
}

function postingOf(read: Fields): Pick<Posting, 'target' | 'isPrivateAllowed'> {
  const isPrivateAllowed = read.flag('allow_private')
  const urlEnv = read.env('url_env', true)
  const url = read.optional('url')
  if ((url === undefined) === (urlEnv === undefined)) read.fault('url', 'or url_env must be given, and not both')
  const fault = url === undefined ? undefined : urlFault(url, isPrivateAllowed)
  if (fault !== undefined) read.fault('url', fault)
  return { isPrivateAllowed, target: urlEnv === undefined ? { url: url ?? '' } : { urlEnv } }
}

/** What is wrong with an address to post to, wherever it came from. */
export function urlFault(text: string, isPrivateAllowed: boolean): string | undefined {
  if (!URL.canParse(text)) return 'must be an address, https://host/path'
  const { protocol, username, password } = new URL(text)
  if (username !== '' || password !== '') return 'must not hold a user or a password'
  if (protocol === 'https:' || (protocol === 'http:' && isPrivateAllowed)) return undefined
  return 'must begin with https:// (http:// only on an inner network, with allow_private: true)'
}

type Fields = ReturnType<typeof fieldsOf>

/** The fields of one mapping, each read once; what is wrong is collected. */
function fieldsOf(node: Record<string, unknown>, place: string, faults: string[]) {
  const known = new Set<string>()
  const fault = (name: string, message: string): undefined => {
    faults.push(`${place}.${name} ${message}`)
    return undefined
  }
  const take = (name: string): unknown => {
    known.add(name)
    return node[name] ?? undefined
  }
  const text = (name: string, pattern: RegExp, message: string, isOptional = false): string | undefined => {
    const value = take(name)
    if (value === undefined && isOptional) return undefined
    if (typeof value === 'string' && pattern.test(value)) return value
    return fault(name, message)
  }
  const texts = (name: string, pattern: RegExp, message: string): string[] | undefined => {
    const value = take(name)
    if (value === undefined) return undefined
    const all = Array.isArray(value) ? (value as unknown[]) : [value]
    if (all.length > 0 && all.every((each) => typeof each === 'string' && pattern.test(each))) return all as string[]
    return fault(name, message)
  }
  return {
    fault,
    text,
    texts,
    optional: (name: string) => text(name, /^[^\s]{1,2048}$/, 'must be text', true),
    env(name: string, isOptional = false): string | undefined {
      const what = 'the name of an environment variable: secrets are not written into this file'
      if (take(name) === undefined && !isOptional) return fault(name, `is missing: ${what}`)
      return text(name, ENV_NAME, `must be ${what}`, isOptional)
    },
    recipients(): string[] {
      const found = texts('to', MAIL, 'must be one or more e-mail addresses') ?? []
      if (take('to') === undefined) fault('to', 'must be one or more e-mail addresses')
      if (found.length > RECIPIENTS_MAX) fault('to', `must be at most ${RECIPIENTS_MAX} addresses`)
      return found
    },
    oneOf<T extends string>(name: string, words: readonly T[], fallback?: T): T | undefined {
      const value = take(name)
      if (value === undefined && fallback !== undefined) return fallback
      return words.find((each) => each === value) ?? fault(name, `must be one of ${words.join(', ')}`)
    },
    whole(name: string, min: number, max: number, fallback: number): number {
      const value = take(name) ?? fallback
      if (Number.isInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value)
      fault(name, `must be a whole number from ${min} to ${max}`)
      return fallback
    },
    flag(name: string): boolean {
      const value = take(name) ?? false
      if (typeof value !== 'boolean') fault(name, 'must be true or false')
      return value === true
    },
    refuseOthers() {
      for (const name of Object.keys(node)) if (!known.has(name)) fault(name, 'is not known here')
    },
  }
}

/** Whether an alert is this channel's concern: one that has become graver is not, where the channel has heard of it before. */
export function concerns(
  { minSeverity, kinds }: Channel,
  { severity, severity_before: before, kind }: Pick<Alert, 'severity' | 'severity_before' | 'kind'>,
): boolean {
  const isGrave = (of: AlertSeverity) => gravityOf(of) >= gravityOf(minSeverity)
  const isNews = before === undefined || !isGrave(before)
  return isGrave(severity) && isNews && (kinds === undefined || kinds.includes(kind))
}

/** What is wrong with the node `channels` of config/alerts.yaml, one line each: for whoever reads the file. */
export const checkChannels = (node: unknown): readonly string[] => parseChannels(node).faults
