import { ATTRIBUTED, CLICKS, GENERAL, ORDERS, dayOf, type Topic } from '@flowguard/contract'
import type { LogRecord } from '../../log/event-log.ts'
import { eventOf, money, utc, type Fields } from '../events.ts'
import { stepBehind } from '../load-steps.ts'
import { BRONZE_COLUMNS, type ColumnType, type LoadedTopic } from '../schema.ts'
import type { Batch, LoadStep } from '../warehouse.ts'

/** Rows of one statement: one text of JSON, a list for each row in the order of the table's columns, but for when they are loaded. */
export interface Piece {
  topic: LoadedTopic
  /** Each a list as JSON. */
  rows: string[]
  chars: number
}

export interface StagedBatch extends Batch {
  logIdOf(topic: Topic): string
  readonly pieces: readonly Piece[]
}

/**
 * A text takes 16 MB there, and what it is parsed into as much; so many characters are some MB in UTF-8. More rows a statement would gain little: each
 * costs a fraction of a second beside what is in it.
 */
const PIECE_CHARS_MAX = 4_000_000
const PIECE_ROWS_MAX = 10_000

// oxlint-disable-next-line no-control-regex -- no hash has one
const CONTROL = /[\u0000-\u001f]/g

type From = (event: Fields) => unknown
/** What is not the event's own field of the column's name. */
const RENAMED: Readonly<Record<LoadedTopic, Readonly<Record<string, From>>>> = {
  [ORDERS]: { status: (event) => event['order_type'] },
  [CLICKS]: {},
  [GENERAL]: {},
  [ATTRIBUTED]: {
    order_event_id: (event) => event['event_id'],
    order_timestamp: (event) => event['timestamp'],
    click_event_id: (event) => clickOf(event)['event_id'],
    ad_id: (event) => clickOf(event)['ad_id'],
    campaign_id: (event) => clickOf(event)['campaign_id'],
    click_timestamp: (event) => clickOf(event)['timestamp'],
    event_type: (event) => event['event_type'] ?? 'attributed',
  },
}
const clickOf = (event: Fields) => (event['click'] ?? {}) as Fields
const COMMON: Readonly<Record<string, From>> = {
  event_timestamp: (event) => event['ts'],
  client_timestamp: (event) => event['timestamp'],
}

/** Only when it is loaded is it known when that is. */
export const LOADED_AT = 'ingestion_timestamp'

/** Takes records in as rows: what is slow about them is done here. In memory: a batch has a limit, and its log keeps it. */
export function stagedBatch(logIdOf: (topic: Topic) => string): StagedBatch {
  const steps = new Map<string, LoadStep>()
  const open = new Map<LoadedTopic, Piece>()
  const pieces: Piece[] = []
  let count = 0

  function put(record: LogRecord, row: string): void {
    const topic = record.topic as LoadedTopic
    let piece = open.get(topic)
    if (!piece || piece.rows.length >= PIECE_ROWS_MAX || piece.chars + row.length > PIECE_CHARS_MAX) {
      piece = { topic, rows: [], chars: 0 }
      pieces.push(piece)
      open.set(topic, piece)
    }
    piece.rows.push(row)
    piece.chars += row.length + 1
  }

  return {
    add(records) {
      for (const record of records) {
        const step = stepBehind(steps, record)
        const event = eventOf(record)
        if (event?.['event_type'] === 'heartbeat') {
          step.skipped += 1
          continue
        }
        step.applied += 1
        put(record, JSON.stringify(rowOf(record, event, logIdOf(record.topic))))
      }
      count += records.length
    },
    get count() {
      return count
    },
    get steps() {
      return [...steps.values()]
    },
    logIdOf,
    pieces,
    [Symbol.dispose]: () => void pieces.splice(0),
  }
}

type Cell = string | number | boolean | null

/** Of what is no event of ours only the text is kept. */
function rowOf(record: LogRecord, event: Fields | undefined, logId: string): Cell[] {
  const { topic, partition, offset, appendedAt, headers, value } = record
  const own = RENAMED[topic as LoadedTopic]
  const time = topic === ATTRIBUTED ? timeOf(event?.['timestamp']) : timeOf(event?.['ts'])
  const meta: Readonly<Record<string, Cell>> = {
    content_hash: headers['content_hash']?.replaceAll(CONTROL, '') ?? null,
    raw_event: value.toWellFormed(),
    schema_version: '1',
    source_topic: topic,
    producer_service: topic === ATTRIBUTED ? 'stream' : 'events-gateway',
    source_partition: partition,
    source_offset: offset,
    ingestion_id: `${logId}/${topic}-${partition}-${offset}`,
    appended_at: timeOf(appendedAt),
    partition_date: (time ?? timeOf(appendedAt))?.slice(0, 10) ?? dayOf(appendedAt),
    ...(event ? {} : { event_type: 'invalid' }),
  }
  return BRONZE_COLUMNS[topic as LoadedTopic].flatMap(([name, type]): Cell[] => {
    if (name === LOADED_AT) return []
    const known = meta[name]
    if (known !== undefined) return [known]
    if (!event) return [null]
    const from = own[name] ?? COMMON[name]
    return [CELLS[type](from ? from(event) : event[name])]
  })
}

const whole = (value: unknown): Cell => (Number.isSafeInteger(value) ? (value as number) : null)

/** Each type's own form; null for what has none. */
const CELLS: Readonly<Record<ColumnType, (value: unknown) => Cell>> = {
  text: textOf,
  'own text': textOf,
  whole,
  small: whole,
  money: (value) => (typeof value === 'number' ? money(value) : null),
  flag: (value) => (typeof value === 'boolean' ? value : null),
  time: timeOf,
  day: textOf,
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null
  return (typeof value === 'string' ? value : JSON.stringify(value)).toWellFormed()
}

/** UTC, without the zone's letter. */
function timeOf(value: unknown): string | null {
  const text = typeof value === 'number' ? new Date(value).toISOString() : utc(value)
  return text === undefined ? null : text.slice(0, -1)
}
