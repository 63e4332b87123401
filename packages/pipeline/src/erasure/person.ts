/** Whoever is to be erased, as events name them, and what stands in that name's place everywhere. */
export interface Person {
  id: string
  pseudonym: string
}

type Json = Record<string, unknown>

/**
 * What is kept of an event of an erased person: what the books, the stream and the models are made from, and the client's own ids of things. All else goes, also fields
 * that we do not know: address, browser, session, pages, what travelled along.
 */
const KEPT: ReadonlySet<string> = new Set(
  `event_id event_type timestamp ts received_at is_bot user_id item_id item_name price quantity order_id client_order_id order_type restaurant_id
  ad_id ad_campaign_id ad_type is_click device_type city`.split(/\s+/),
)

/** An event of the person's, without them; without a pseudonym, one of another's who tells of them. Whoever could work it off before can do so after, and comes to the same. */
export function erasedEvent(event: Readonly<Json>, pseudonym: string | undefined): Json {
  const kept = Object.fromEntries(Object.entries(event).filter(([name]) => KEPT.has(name)))
  if (pseudonym !== undefined) kept['user_id'] = pseudonym
  const impression = (event['metadata'] as { impression?: unknown } | null | undefined)?.impression
  // Whether a showing is charged hangs on it.
  if (typeof impression === 'string') kept['metadata'] = { impression }
  if (event['properties'] !== undefined) kept['properties'] = erasedProperties(event['properties'])
  return kept
}

/** Of a general event's: the amount alone, and that they are none, where they are none. */
export function erasedProperties(properties: unknown): unknown {
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return ''
  const { amount } = properties as { amount?: unknown }
  return typeof amount === 'number' ? { amount } : {}
}

const TELLING_CHARS_MIN = 4

/**
 * Whether the id means nobody else wherever it is written: then it is taken out of any text. `1084` or `anna` may be another thing's id or a plain word: they are
 * looked for only where ids of users lie.
 */
export function isTelling(id: string): boolean {
  return id.length >= TELLING_CHARS_MIN && /[\d@]/.test(id) && /\D/.test(id)
}

/** A line of a log, which quotes an event, in which a client put JSON. */
const JSON_DEPTH_MAX = 3

/**
 * How an id is written in what we keep, the longest first: as it is, as in JSON, as in JSON within JSON. Most ids are the same in all. What a client sent is kept only as we
 * write it anew, and we escape what JSON must have escaped (`"`, `\`, control characters): no other letters, and no `/`.
 */
export function formsOf(id: string): readonly string[] {
  const forms = [id]
  for (let depth = 1; depth <= JSON_DEPTH_MAX; depth += 1) {
    const form = JSON.stringify(forms[0]).slice(1, -1)
    if (form === forms[0]) break
    forms.unshift(form)
  }
  return forms
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`)

/** The id in any of its forms, as a part of an expression. */
export const namePattern = (id: string): string => `(?:${formsOf(id).map(escaped).join('|')})`

/** The id as a word: within a longer one it is another's; so is `a@x.co` in `a@x.co.uk`. What JSON writes for a line's end is no letter before it. */
export const wordPattern = (id: string): string =>
  String.raw`(?:(?<![\w-]|\w[.@+])|(?<=\\(?:[bfnrt]|u[\da-f]{4})))${namePattern(id)}(?![\w-]|[.@+]\w)`

/** Text that people wrote or are shown, without the person. */
function erasedWords(text: string, { id, pseudonym }: Person): string {
  if (!isTelling(id)) return text
  return text.replace(new RegExp(wordPattern(id), 'g'), () => pseudonym)
}

/** Fields in which ids of users lie, whoever writes them. */
export const isUserField = (name: string): boolean => name === 'user_id' || name === 'userId'
/** Clients may send an id as a number: in such a field it is the same. */
export const isNumeric = (id: string): boolean => Number.isFinite(Number(id)) && String(Number(id)) === id
const isThem = (value: unknown, { id }: Person) => value === id || (typeof value === 'number' && String(value) === id)
/** The ids of other things are what the books hang on: they stay. */
const isOtherId = (name: string): boolean => /(^|_)id$/i.test(name) || name === 'dead_id'

/** Of these rules of alerts the subject is a user (stream/fraud). */
export const RULES_OF_USERS: readonly string[] = ['orders_per_user', 'order_value', 'clicks_per_user']

/** Any value as stores keep it as JSON: events, answers of the stream, sessions, alerts, dead letters. */
function erasedValue(value: unknown, person: Person, name = ''): unknown {
  if (typeof value === 'string') return erasedString(value, person, name)
  if (typeof value === 'number') return isUserField(name) && isThem(value, person) ? person.pseudonym : value
  if (Array.isArray(value)) return value.map((each) => erasedValue(each, person))
  if (typeof value !== 'object' || value === null) return value
  const object = value as Json
  if (isAlertOf(object, person)) return erasedAlert(object, person)
  if (isThem(object['user_id'], person) && typeof object['event_type'] === 'string') return erasedEvent(object, person.pseudonym)
  const erased = Object.fromEntries(
    Object.entries(object).map(([each, inner]) => [erasedWords(each, person), erasedValue(inner, person, each)]),
  )
  // A dead letter: its record is the person's, also where it is no event.
  if (object['key'] !== person.id) return erased
  erased['key'] = person.pseudonym
  const raw = object['value_base64']
  if (typeof raw === 'string') erased['value_base64'] = erasedBase64(raw, (text) => erasedRaw(text, person.pseudonym))
  return erased
}

/** The same of a record as it lay in a log. What is no event stays none. */
export function erasedRaw(value: string, pseudonym: string | undefined): string {
  try {
    const event = JSON.parse(value) as unknown
    if (typeof event === 'object' && event !== null && !Array.isArray(event)) return JSON.stringify(erasedEvent(event as Json, pseudonym))
  } catch {
    // What could not be read goes as a whole.
  }
  return '{}'
}

/** The very same where nothing of the text changes: it may be none, and would not survive the way there and back. */
function erasedBase64(base64: string, change: (text: string) => string): string {
  const text = Buffer.from(base64, 'base64').toString()
  const erased = change(text)
  return erased === text ? base64 : Buffer.from(erased).toString('base64')
}

function erasedString(text: string, person: Person, name: string): string {
  const { id, pseudonym } = person
  if (isUserField(name)) return text === id ? pseudonym : text
  // As the stream and the warehouse name sessions: user/start.
  if (name === 'session_id' && text.startsWith(`${id}/`)) return `${pseudonym}${text.slice(id.length)}`
  if (name === 'value_base64') return erasedBase64(text, (inner) => erasedText(inner, person))
  if (isOtherId(name)) return text
  // JSON within JSON: names are to be found in it that mean somebody only there.
  return /^\s*[{[]/.test(text) ? erasedText(text, person) : erasedWords(text, person)
}

const isAlertOf = ({ rule, subject }: Json, { id }: Person) => subject === id && RULES_OF_USERS.includes(rule as string)

/** An alert about the person; also a row of the book, which has the same names. */
export function erasedAlert(alert: Readonly<Json>, person: Person): Json {
  const entries = Object.entries(alert).map(([name, value]) => [name, typeof value === 'string' ? ofAlert(name, value, person) : value])
  return Object.fromEntries(entries) as Json
}

function ofAlert(name: string, text: string, { id, pseudonym }: Person): string {
  if (name === 'subject') return text === id ? pseudonym : text
  if (name === 'alert_id') return text.replace(`/${id}/`, () => `/${pseudonym}/`)
  return erasedWords(text, { id, pseudonym }).replaceAll(`User ${id} `, () => `User ${pseudonym} `)
}

/** The text of a value as it is stored, JSON or not; the very same text where the person is not in it. */
export function erasedText(text: string, person: Person): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return erasedWords(text, person)
  }
  const erased = JSON.stringify(erasedValue(value, person))
  return erased === JSON.stringify(value) ? text : erased
}
