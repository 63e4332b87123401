import { existsSync } from 'node:fs'
import { ATTRIBUTED, CLICKS, GENERAL, ORDERS } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import type { Expired } from '../../reader/expired.ts'
import { BRONZE_TABLES, type LoadedTopic } from '../schema.ts'
import type { Bronze, LoadPlace, Session } from '../warehouse.ts'
import { spellOut, stagedBatch, type StagedBatch, type StagedFile } from './duckdb-stage.ts'
import { quoted } from './duckdb-query.ts'

const LINE_BYTES_MIN = 256 * 1024
/** In which DuckDB reads lines. */
const BUFFER_BYTES_MIN = 8 * 1024 * 1024

const text = (...names: string[]) => names.map((name) => [name, `x.${name}`, 'VARCHAR'] as const)
const COMMON = [
  ['event_timestamp', 'make_timestamp(x.ts * 1000)', undefined],
  ['received_at', 'try_cast(x.received_at as timestamp)', 'VARCHAR'],
  ['client_timestamp', 'x.timestamp', undefined],
  ['content_hash', 'r.h', undefined],
] as const
const HIDDEN = { ts: 'BIGINT', timestamp: 'VARCHAR' }

interface Source {
  /** Column, the expression that gives it, and the JSON type of the event's field of that name. */
  columns: readonly (readonly [string, string, string | undefined])[]
  /** Fields of the event that are no column by their name. */
  fields: Readonly<Record<string, unknown>>
  eventTime: string
  producer: string
}

const ITEM = ['item_id', 'x.item_id', 'BIGINT'] as const
const PRICE = ['price', 'x.price', 'DECIMAL(18,2)'] as const
const QUANTITY = ['quantity', 'x.quantity', 'BIGINT'] as const
const IS_BOT = ['is_bot', 'x.is_bot', 'BOOLEAN'] as const
const EVENT_TIME = 'make_timestamp(x.ts * 1000)'

const SOURCES: Readonly<Record<LoadedTopic, Source>> = {
  [ORDERS]: {
    columns: [
      ...text('event_id', 'order_id', 'client_order_id', 'user_id', 'item_name', 'session_id', 'restaurant_id', 'city', 'event_type'),
      ITEM,
      PRICE,
      QUANTITY,
      IS_BOT,
      ['status', 'x.order_type', undefined],
      ...COMMON,
    ],
    fields: { ...HIDDEN, order_type: 'VARCHAR' },
    eventTime: EVENT_TIME,
    producer: 'events-gateway',
  },
  [CLICKS]: {
    columns: [
      ...text(
        'event_id',
        'user_id',
        'event_type',
        'session_id',
        'ad_id',
        'ad_campaign_id',
        'ad_type',
        'page_url',
        'referrer',
        'device_type',
      ),
      ...text('user_agent', 'city', 'ip_address'),
      ITEM,
      IS_BOT,
      ...COMMON,
    ],
    fields: HIDDEN,
    eventTime: EVENT_TIME,
    producer: 'events-gateway',
  },
  [GENERAL]: {
    columns: [...text('event_id', 'user_id', 'event_type', 'properties'), ...COMMON],
    fields: HIDDEN,
    eventTime: EVENT_TIME,
    producer: 'events-gateway',
  },
  [ATTRIBUTED]: {
    columns: [
      ['order_event_id', 'x.event_id', undefined],
      ...text('order_id', 'user_id'),
      ITEM,
      PRICE,
      QUANTITY,
      ['order_timestamp', 'try_cast(x.timestamp as timestamp)', undefined],
      ['click_event_id', 'x.click.event_id', undefined],
      ['ad_id', 'x.click.ad_id', undefined],
      ['campaign_id', 'x.click.campaign_id', undefined],
      ['click_timestamp', 'try_cast(x.click.timestamp as timestamp)', undefined],
      ['lag_ms', 'x.lag_ms', 'BIGINT'],
      ['event_type', "coalesce(x.event_type, 'attributed')", 'VARCHAR'],
    ],
    fields: {
      event_id: 'VARCHAR',
      timestamp: 'VARCHAR',
      click: { event_id: 'VARCHAR', ad_id: 'VARCHAR', campaign_id: 'VARCHAR', timestamp: 'VARCHAR' },
    },
    eventTime: 'try_cast(x.timestamp as timestamp)',
    producer: 'stream',
  },
}

/** The loader's side of DuckDB, on a connection of its own. */
export function duckdbBronze(connect: () => Promise<Session>, { path, loadDir }: { path: string; loadDir: string }): Bronze {
  let session: Session | undefined
  let turn = 0

  /** On the loader's connection; a new one where that is dead or has failed. */
  async function on<T>(work: (session: Session) => Promise<T>): Promise<T> {
    session ??= await connect()
    try {
      return await work(session)
    } catch (error) {
      session[Symbol.dispose]()
      session = undefined
      throw error
    }
  }

  async function load(batch: StagedBatch, files: readonly StagedFile[], loadedAt: number): Promise<void> {
    await on((connection) =>
      connection.transaction(async () => {
        await move(connection, batch, loadedAt)
        for (const file of files) await connection.run(insertOf(file, loadedAt))
        step('loader.before-commit')
      }),
    )
    step('loader.after-commit')
  }

  return {
    places: () => on(placesOn),
    begin: (from) =>
      on(async (connection) => {
        await connection.transaction(async () => {
          for (const { topic, partition, next, logId } of from) {
            await connection.run(
              `insert into bronze.places (topic, "partition", log_id, began, expired, "next", "read", applied, skipped)
               select $1, $2, $3, $4, 0, $4, 0, 0, 0
               where not exists (select 1 from bronze.places where topic = $1 and "partition" = $2)`,
              [topic, partition, logId, next],
            )
          }
        })
        return placesOn(connection)
      }),
    expire: (stretches) =>
      on(async (connection) => {
        await connection.transaction(async () => {
          for (const stretch of stretches) await expire(connection, stretch)
        })
        return placesOn(connection)
      }),
    // The folder is made when the file is opened.
    batch: (logIdOf) => on(async () => stagedBatch(loadDir, String((turn += 1)), logIdOf)),
    async load(batch, loadedAt) {
      const staged = batch as StagedBatch
      // Deleted under a process that has it open, it would take rows that nobody finds again.
      if (!existsSync(path)) throw new FlowGuardError('warehouse_missing', `${path} is no longer there`)
      const files = staged.close()
      try {
        await load(staged, files, loadedAt)
      } catch (error) {
        if (!hasCode(error, 'query_failed')) throw error
        // Something in there that DuckDB reads otherwise than thought: no record may hold up the others.
        await load(staged, files.map(spellOut), loadedAt)
      }
    },
  }
}

function placesOn(connection: Session): Promise<LoadPlace[]> {
  return connection.rows<LoadPlace>(
    'select topic, "partition", log_id as "logId", began, expired, "next", "read", applied, skipped from bronze.places order by topic, "partition"',
  )
}

async function expire(connection: Session, { topic, partition, from, to }: Expired): Promise<void> {
  const moved = await connection.run(
    `update bronze.places set "next" = $4, expired = expired + $4 - $3 where topic = $1 and "partition" = $2 and "next" = $3`,
    [topic, partition, from, to],
  )
  if (moved !== 1) throw new FlowGuardError('place_moved', `loader: ${topic}-${partition} no longer stands at ${from}`)
}

/** Each place only from where it stood, so that nothing is loaded twice, whoever else loads. */
async function move(connection: Session, batch: StagedBatch, loadedAt: number): Promise<void> {
  const { steps } = batch
  if (steps.length === 0) return
  const values = steps.map((each) => {
    const { topic, partition, from, next, read, applied, skipped } = each
    return `(${quoted(topic)}, ${partition}, ${quoted(batch.logIdOf(topic))}, ${from}, ${next}, ${read}, ${applied}, ${skipped})`
  })
  const moved = await connection.run(
    `update bronze.places as p set "next" = s."next", "read" = p."read" + s."read", applied = p.applied + s.applied,
       skipped = p.skipped + s.skipped, loaded_at = make_timestamp(${loadedAt} * 1000)
     from (values ${values.join(', ')}) as s(topic, "partition", log_id, "from", "next", "read", applied, skipped)
     where p.topic = s.topic and p."partition" = s."partition" and p."next" = s."from" and p.log_id = s.log_id`,
  )
  if (moved !== steps.length) {
    const from = steps.map((each) => `${each.topic}-${each.partition} at ${each.from}`).join(', ')
    throw new FlowGuardError('place_moved', `loader: no longer stands where it did (${from})`)
  }
}

function insertOf({ topic, logId, path, lineBytesMax, ranges }: StagedFile, loadedAt: number): string {
  const { columns, fields, eventTime, producer } = SOURCES[topic]
  const typed = columns.flatMap(([name, , type]) => (type ? [[name, type] as const] : []))
  const structure = JSON.stringify({ ...Object.fromEntries(typed), ...fields })
  const meta: readonly (readonly [string, string])[] = [
    ['raw_event', "coalesce(r.r ->> '$', r.e)"],
    ['schema_version', "'1'"],
    ['source_topic', quoted(topic)],
    ['producer_service', quoted(producer)],
    ['source_partition', 'r.p'],
    ['source_offset', 'r.o'],
    ['ingestion_id', `${quoted(`${logId}/${topic}-`)} || r.p || '-' || r.o`],
    ['ingestion_timestamp', `make_timestamp(${loadedAt} * 1000)`],
    ['appended_at', 'make_timestamp(r.a * 1000)'],
    ['partition_date', `coalesce(${eventTime}, make_timestamp(r.a * 1000))::date`],
  ]
  const all = [...columns.map(([name, expression]) => [name, expression] as const), ...meta]
  const lineBytes = Math.max(LINE_BYTES_MIN, lineBytesMax)
  const table = BRONZE_TABLES[topic]
  // Offsets rise as they are loaded, so that only the newest rows are looked at.
  const stretches = [...ranges].map(
    ([partition, { first, last }]) => `(source_partition = ${partition} and source_offset between ${first} and ${last})`,
  )
  return `insert into ${table} (${all.map(([name]) => name).join(', ')})
    select ${all.map(([, expression]) => expression).join(', ')} from (
      select p, o, a, h, e, r, json_transform(e, ${quoted(structure)}) as x
      from read_csv(${quoted(path)}, delim = '\u0001', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n',
        parallel = false, max_line_size = ${lineBytes}, buffer_size = ${Math.max(BUFFER_BYTES_MIN, 2 * lineBytes)},
        columns = {p: 'INTEGER', o: 'BIGINT', a: 'BIGINT', h: 'VARCHAR', e: 'VARCHAR', r: 'VARCHAR'})
    ) as r
    where not exists (
      select 1 from ${table} as b where b.source_topic = ${quoted(topic)} and (${stretches.join(' or ')})
      and b.source_partition = r.p and b.source_offset = r.o and b.ingestion_id = ${quoted(`${logId}/${topic}-`)} || r.p || '-' || r.o
    )`
}
