import { DEAD, LATENESS_MS, parseLogged, type DeadLetter, type DeadReason } from '@flowguard/contract'
import { traceIdOf } from '../kernel/trace-context.ts'
import type { LogView } from '../log/log-view.ts'
import { editDead, eventIn, notEditable, type Edit } from './dead-edit.ts'
import { standingsIn } from '../reader/places.ts'
import type { Stores } from './stores.ts'
import { isRaw } from './topics.ts'

export const PAGE_COUNT_MAX = 500

export type DeadState = 'waiting' | 'retried' | 'dropped'

export interface DeadFilter {
  dead_id?: string | undefined
  /** With `dead_id`: those, too, that other readers made of its record. */
  withTwins?: boolean
  reason?: string | undefined
  reader?: string | undefined
  topic?: string | undefined
  state?: DeadState | undefined
  /** Only those that had died by then, milliseconds since 1970. */
  diedBy?: number | undefined
}

export interface DeadEntry extends Omit<DeadLetter, 'value_base64' | 'headers'> {
  state: DeadState
  /** Of the event, where it can be read. */
  event_id: string | null
  trace_id: string | null
}

export interface DeadGroup {
  reason: DeadReason
  reader: string
  count: number
  waiting: number
  newest: string
}

export interface DeadList {
  /** RFC 3339: what died later is not counted here, and is left alone by a retry or drop that names this as its `died_by`. */
  as_of: string
  /** Letters that fit the filter. */
  total: number
  groups: DeadGroup[]
  /** The newest first. */
  letters: DeadEntry[]
  /** The `after` of the next page. */
  next_after: string | null
}

export interface DeadShown extends DeadEntry {
  headers: Readonly<Record<string, string>>
  value_base64: string
  /** The bytes as UTF-8 text. */
  raw: string
  /** The text as JSON; undefined where it is none. */
  decoded?: unknown
  /** What is wrong with it as an event; null where it fits. */
  fault: string | null
  /** Why no other event may be sent in its place; null where one may. */
  not_editable: string | null
  /** The event time of its partition, integer ms: an event that is further behind it than 10 s counts as late. Null where the partition keeps none. */
  partition_ts: number | null
  /** So far. */
  lateness_ms: number
  actions: DeadAction[]
}

interface DeadAction {
  action: string
  at: string
  reason: string
  /** `topic-partition@offset` of a record that was sent again; null of what was dropped, and of retries by an older version. */
  sent_to: string | null
  /** Whether it was sent with other bytes. */
  edited: boolean
}

/** Dead letters, the newest first. `after` is a page's `next_after`. */
export async function deadLetters(
  stores: Stores,
  filter: DeadFilter,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<DeadList> {
  const states = statesIn(stores)
  const asOf = new Date(stores.clock()).toISOString()
  const groups = new Map<string, DeadGroup>()
  const page: { key: string; letter: DeadLetter }[] = []
  let total = 0
  for await (const { letter } of lettersIn(stores.pipeline?.log, filter, states)) {
    total += 1
    addTo(groups, letter, states.get(letter.dead_id) ?? 'waiting')
    const key = keyOf(letter)
    if (after !== undefined && key >= after) continue
    page.push({ key, letter })
    if (page.length >= 2 * limit + 1_000) keepNewest(page, limit + 1)
  }
  keepNewest(page, limit + 1)
  const letters = page.slice(0, limit)
  return {
    as_of: asOf,
    total,
    groups: [...groups.values()].sort((a, b) => b.count - a.count),
    letters: letters.map(({ letter }) => entryOf(letter, states)),
    next_after: page.length > limit ? (letters.at(-1)?.key ?? null) : null,
  }
}

/** One letter with its bytes, or undefined where there is none of this id. */
export async function deadLetter(stores: Stores, deadId: string): Promise<DeadShown | undefined> {
  const letter = (await find(stores.pipeline?.log, deadId))?.letter
  if (!letter) return undefined
  const raw = Buffer.from(letter.value_base64, 'base64').toString('utf8')
  const { topic, partition } = letter
  const timeMs = (stores.pipeline ? standingsIn(stores.pipeline.db) : []).find(
    (each) => each.reader === 'stream' && each.topic === topic && each.partition === partition,
  )?.timeMs
  const rows = stores.pipeline?.db.prepare('select action, at, reason, sent_to, edited from dead_actions where dead_id = ? order by seq')
  return {
    ...entryOf(letter, statesIn(stores)),
    headers: letter.headers,
    value_base64: letter.value_base64,
    raw,
    ...jsonOf(raw),
    fault: faultIn(letter, stores.clock()),
    not_editable: notEditable(letter) ?? null,
    partition_ts: timeMs === undefined || timeMs < 0 ? null : timeMs,
    lateness_ms: LATENESS_MS,
    actions: ((rows?.all(deadId) ?? []) as (Omit<DeadAction, 'at' | 'edited'> & { at: number; edited: number })[]).map((row) => ({
      ...row,
      at: new Date(row.at).toISOString(),
      edited: row.edited === 1,
    })),
  }
}

function faultIn({ topic, value_base64: base64 }: DeadLetter, now: number): string | null {
  const bytes = Buffer.from(base64, 'base64')
  if (!isRaw(topic)) {
    const event = parseLogged(bytes.toString())
    return 'invalid' in event ? event.invalid : null
  }
  const checked = eventIn(topic, bytes, now)
  return 'errors' in checked ? checked.errors.map(({ field, message }) => `${field} ${message}`.trim()).join('; ') : null
}

/** What is to be sent in place of a waiting letter's bytes; undefined where none of this id waits. */
export async function deadEdit(stores: Stores, deadId: string, text: string): Promise<Edit | undefined> {
  for await (const { letter } of lettersIn(stores.pipeline?.log, { dead_id: deadId, state: 'waiting' }, statesIn(stores)))
    return editDead(await stores.look(), letter, text)
  return undefined
}

/** A letter, and where it lies in dead.v1. */
export interface LetterAt {
  letter: DeadLetter
  partition: number
  offset: number
}

/** The letters that fit: partition by partition, the newest of each first. */
export async function* lettersIn(
  log: LogView | undefined,
  filter: DeadFilter,
  states: ReadonlyMap<string, DeadState>,
): AsyncGenerator<LetterAt> {
  if (!log) return
  if (filter.dead_id !== undefined) {
    const found = await find(log, filter.dead_id)
    if (!found || !fits(found.letter, filter, states)) return
    yield found
    if (!filter.withTwins) return
    const origin = originOf(found.letter)
    for await (const each of lettersWith(log, `/${origin}"`)) {
      const isTwin = originOf(each.letter) === origin && each.letter.dead_id !== found.letter.dead_id
      if (isTwin && fits(each.letter, filter, states)) yield each
    }
    return
  }
  for (let partition = 0; partition < log.partitions(DEAD); partition += 1) {
    for await (const batch of log.batchesBackwards(DEAD, partition)) {
      if (batch.fault !== undefined) continue
      for (const { value, offset } of batch.records().toReversed()) {
        const letter = JSON.parse(value) as DeadLetter
        if (fits(letter, filter, states)) yield { letter, partition, offset }
      }
    }
  }
}

function fits(
  { dead_id, reason, reader, topic, died_at }: DeadLetter,
  filter: DeadFilter,
  states: ReadonlyMap<string, DeadState>,
): boolean {
  const { reason: wantedReason = reason, reader: wantedReader = reader, topic: wantedTopic = topic, state, diedBy } = filter
  const isState = state === undefined || (states.get(dead_id) ?? 'waiting') === state
  if (diedBy !== undefined && Date.parse(died_at) > diedBy) return false
  return reason === wantedReason && reader === wantedReader && topic === wantedTopic && isState
}

async function find(log: LogView | undefined, deadId: string): Promise<LetterAt | undefined> {
  if (!log) return undefined
  for await (const found of lettersWith(log, `"dead_id":${JSON.stringify(deadId)}`)) if (found.letter.dead_id === deadId) return found
  return undefined
}

async function* lettersWith(log: LogView, text: string): AsyncGenerator<LetterAt> {
  for (let partition = 0; partition < log.partitions(DEAD); partition += 1) {
    for await (const { value, offset } of log.find(DEAD, partition, text, { from: 0 })) {
      yield { letter: JSON.parse(value) as DeadLetter, partition, offset }
    }
  }
}

/** What became of the letters that an operator has dealt with. */
export function statesIn({ pipeline }: Stores): ReadonlyMap<string, DeadState> {
  const rows = pipeline?.db.prepare('select dead_id as id, action from dead_actions order by seq').all() ?? []
  return new Map((rows as { id: string; action: DeadState }[]).map(({ id, action }) => [id, action]))
}

function addTo(groups: Map<string, DeadGroup>, { reason, reader, died_at: newest }: DeadLetter, state: DeadState) {
  const key = `${reason}\n${reader}`
  let group = groups.get(key)
  if (!group) groups.set(key, (group = { reason, reader, count: 0, waiting: 0, newest }))
  group.count += 1
  if (state === 'waiting') group.waiting += 1
  if (newest > group.newest) group.newest = newest
}

/** The newest first, and of one instant in the order of their ids. */
const keyOf = ({ died_at, dead_id }: DeadLetter) => `${died_at} ${dead_id}`
/** The record that died: whoever buried it. */
export const originOf = ({ topic, partition, offset }: DeadLetter) => `${topic}-${partition}-${offset}`

function keepNewest(page: { key: string }[], count: number) {
  page.sort((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0))
  page.length = Math.min(page.length, count)
}

function entryOf({ value_base64: value, headers, ...letter }: DeadLetter, states: ReadonlyMap<string, DeadState>): DeadEntry {
  const { decoded } = jsonOf(Buffer.from(value, 'base64').toString('utf8'))
  const eventId = (decoded as { event_id?: unknown } | null | undefined)?.event_id
  const traceparent = headers['traceparent']
  return {
    ...letter,
    state: states.get(letter.dead_id) ?? 'waiting',
    event_id: typeof eventId === 'string' ? eventId : null,
    trace_id: traceparent === undefined ? null : traceIdOf(traceparent),
  }
}

function jsonOf(text: string): { decoded?: unknown } {
  try {
    return { decoded: JSON.parse(text) as unknown }
  } catch {
    return {}
  }
}
