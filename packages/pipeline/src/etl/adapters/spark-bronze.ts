import { ATTRIBUTED } from '@flowguard/contract'
import { BRONZE_SOURCES, type BronzeColumn } from '../../warehouse/bronze-columns.ts'
import { BRONZE_TABLES, type LoadedTopic } from '../../warehouse/schema.ts'
import { literal } from '../dialect.ts'

/** The lake's files as its adapter writes them, and the day of their folder. */
export const LAKE_COLUMNS = `partition int, offset bigint, log_id string, ts timestamp_ltz, appended_at timestamp_ltz, event_type string, event_id string,
  user_id string, order_id string, item_id bigint, headers string, event string, day string`
/** Of them, those that hold a field of the event under its own name, as it was validated: no JSON is to be taken apart for them. */
const OWN = ['event_id', 'user_id', 'order_id', 'item_id']
/** As JSON writes half of a surrogate pair, where its backslash is not one that is written itself: the loader writes U+FFFD for it. */
const HALF_PAIR = '(?<!\\\\)((?:\\\\\\\\)*)\\\\ud[89a-f][0-9a-f]{2}'

/** Records of a partition that bronze has, from the first to the last. */
export interface Held {
  partition: number
  first: number
  last: number
}

/** Bronze as the loader makes it of the log, made of the lake's rows in `from`: the same columns, but for `ingestion_timestamp`, which the lake does not know. */
export function bronzeSelect(topic: LoadedTopic, held: readonly Held[], from: string): string {
  const { columns, producer } = BRONZE_SOURCES[topic]
  const isOurs = topic === ATTRIBUTED ? 'order_id is not null' : 'event_type is not null'
  const quoted = (text: string) => literal(text, 'spark')
  const meta: readonly (readonly [string, string])[] = [
    ['raw_event', 'event'],
    ['schema_version', "'1'"],
    ['source_topic', quoted(topic)],
    ['producer_service', quoted(producer)],
    ['source_partition', 'partition'],
    ['source_offset', 'offset'],
    ['ingestion_id', `concat(log_id, ${quoted(`/${topic}-`)}, partition, '-', offset)`],
    ['appended_at', 'cast(appended_at as timestamp_ntz)'],
    // The lake's folders are by the day of event time, else of appending, as bronze is.
    ['partition_date', 'cast(day as date)'],
  ]
  const all = [...columns.map((column) => [column.name, valueOf(column)] as const), ...meta]
  const ranges = held.map(({ partition, first, last }) => `(partition = ${partition} and offset between ${first} and ${last})`)
  const text = `case when contains(event, '\\\\ud') then regexp_replace(event, ${quoted(HALF_PAIR)}, '$1\\\\\\\\ufffd') else event end`
  return `select ${all.map(([name, expression]) => `${expression} as ${name}`).join(', ')}
    from (select *, from_json(case when ${isOurs} then ${text} end, ${quoted(structureOf(columns))}) as x from ${from}
      where ${ranges.join(' or ') || 'false'})`
}

export const bronzeTopics = Object.entries(BRONZE_TABLES) as readonly [LoadedTopic, string][]

/** All as text: what a number is written like in JSON (1.0, 1e2) is no matter then. */
function structureOf(columns: readonly BronzeColumn[]): string {
  const fields = new Map<string, Set<string>>()
  for (const { path, kind } of columns) {
    const [field = '', inner] = path
    if (kind === 'hash' || kind === 'event time') continue
    const found = fields.get(field) ?? new Set()
    fields.set(field, inner === undefined ? found : found.add(inner))
  }
  return [...fields]
    .map(
      ([field, inner]) => `${field} ${inner.size === 0 ? 'string' : `struct<${[...inner].map((each) => `${each}: string`).join(', ')}>`}`,
    )
    .join(', ')
}

function valueOf({ name, path, kind, otherwise }: BronzeColumn): string {
  const field = `x.${path.join('.')}`
  if (name === 'event_type') {
    if (otherwise === undefined) return "coalesce(event_type, 'invalid')"
    return `case when order_id is null then 'invalid' else coalesce(${field}, ${literal(otherwise, 'spark')}) end`
  }
  if (path.length === 1 && OWN.includes(path[0] as string)) return path[0] as string
  if (kind === 'text') return field
  if (kind === 'flag') return `cast(${field} as boolean)`
  if (kind === 'whole') return `try_cast(try_cast(${field} as decimal(38, 6)) as bigint)`
  // As the loader rounds.
  if (kind === 'money') return `cast(floor(cast(${field} as double) * 100 + 0.5D) as decimal(20, 0)) * cast(0.01 as decimal(3, 2))`
  if (kind === 'hash') return "get_json_object(headers, '$.content_hash')"
  if (kind === 'event time') return 'cast(ts as timestamp_ntz)'
  return `cast(try_cast(${field} as timestamp_ltz) as timestamp_ntz)`
}
