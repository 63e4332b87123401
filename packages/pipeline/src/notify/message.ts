import { parseTimestamp, SECOND_MS, type Alert } from '@flowguard/contract'

/** An alert as people read it; each channel sets it in its own way. */
export interface Message {
  /** The same however often it is sent, and another for every record of the topic: by it a receiver sees repeats. */
  id: string
  /** The same for an alert's opening and its end: by it they are shown together. */
  thread: string
  alert: Alert
  isResolved: boolean
  /** `CRITICAL: Fewer clicks than usual`, `Resolved: …`. */
  heading: string
  /** What happened, and what to do. */
  detail: string
  /** Since when, what was expected, why: name and value, in the order in which they are shown. */
  facts: readonly (readonly [name: string, value: string])[]
  /** The alert in the console. */
  link: string
}

/** So much of one text is sent: receivers refuse what is too long. */
const TEXT_CHARS_MAX = 2_000
const TITLE_CHARS_MAX = 200

interface Setting {
  id: string
  /** Where the console is. */
  consoleUrl: string
}

/** What is to be said of an alert. Fields that it does not have are left out. */
export function messageOf(alert: Alert, { id, consoleUrl }: Setting): Message {
  const isResolved = alert['state'] === 'resolved'
  const title = cut(oneLine(alert.title), TITLE_CHARS_MAX)
  return {
    id,
    thread: alert.alert_id,
    alert,
    isResolved,
    heading: isResolved ? `Resolved: ${title}` : `${alert.severity.toUpperCase()}: ${title}`,
    detail: cut(alert.detail.trim(), TEXT_CHARS_MAX),
    facts: factsOf(alert, isResolved),
    link: `${consoleUrl.replace(/\/+$/, '')}/alerts?id=${encodeURIComponent(alert.alert_id)}`,
  }
}

function factsOf(alert: Alert, isResolved: boolean): [string, string][] {
  const lasted = isResolved ? lastedMs(alert) : undefined
  const count = alert['count']
  const facts: [string, string | undefined][] = [
    ['Since', instant(since(alert))],
    ['Lasted', lasted === undefined ? undefined : durationText(lasted)],
    ['Subject', shown(alert['subject'])],
    ['Measured', shown(alert['value'])],
    ['Expected', shown(alert['expected'])],
    ['Reason', shown(alert['reason'])],
    ['Seen', typeof count === 'number' && count > 1 ? `${figure(count)} times` : undefined],
    ['Rule', shown(alert['rule'])],
    ['Kind', alert.kind],
  ]
  return facts.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, cut(value, TEXT_CHARS_MAX)]]))
}

/** When it was seen first; of one that does not say, when it was told. */
const since = (alert: Alert): string => (typeof alert['since'] === 'string' ? alert['since'] : alert.raised_at)

function lastedMs(alert: Alert): number | undefined {
  const [from, to] = [since(alert), alert['resolved_at']].map((each) => (typeof each === 'string' ? parseTimestamp(each) : undefined))
  return from === undefined || to === undefined || to < from ? undefined : to - from
}

/** A number, a text, or a range of two numbers, as a rule gives it. */
function shown(value: unknown): string | undefined {
  if (typeof value === 'string') return oneLine(value)
  if (typeof value === 'number') return figure(value)
  if (typeof value !== 'object' || value === null) return undefined
  const [low, high] = Array.isArray(value) ? (value as unknown[]) : [(value as Ends).low, (value as Ends).high]
  if (typeof low === 'number' && typeof high === 'number') return `${figure(low)} to ${figure(high)}`
  if (typeof high === 'number') return `at most ${figure(high)}`
  return typeof low === 'number' ? `at least ${figure(low)}` : undefined
}

interface Ends {
  low?: unknown
  high?: unknown
}

const figure = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 6 })

function instant(text: string): string {
  const ms = parseTimestamp(text)
  return ms === undefined ? text : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const

/** The two greatest units: `2 hours 5 minutes`. */
export function durationText(ms: number): string {
  let seconds = Math.round(ms / SECOND_MS)
  const parts: string[] = []
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length)
    seconds -= count * length
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ') || 'less than a second'
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim()

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax - 1).toWellFormed()}…` : text
}

/** As plain text: for e-mail, and for whoever reads text alone. */
export function textOf({ heading, detail, facts, link }: Message): string {
  const width = Math.max(...facts.map(([name]) => name.length))
  const lines = facts.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}`)
  return [heading, detail, lines.join('\n'), link].filter((each) => each !== '').join('\n\n')
}
