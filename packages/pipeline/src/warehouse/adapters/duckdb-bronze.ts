import { existsSync } from 'node:fs'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { BRONZE_SOURCES, type BronzeColumn, type Kind, type Source } from '../bronze-columns.ts'
import { BRONZE_TABLES } from '../schema.ts'
import type { Bronze, Session } from '../warehouse.ts'
import { loaderConnection, move, placesOn } from './bronze-places.ts'
import { spellOut, stagedBatch, type StagedBatch, type StagedFile } from './duckdb-stage.ts'
import { quoted } from './duckdb-query.ts'

const LINE_BYTES_MIN = 256 * 1024
/** In which DuckDB reads lines. */
const BUFFER_BYTES_MIN = 8 * 1024 * 1024

const TYPES: Readonly<Record<Kind, string>> = {
  text: 'VARCHAR',
  whole: 'BIGINT',
  money: 'DECIMAL(18,2)',
  flag: 'BOOLEAN',
  time: 'VARCHAR',
  'event time': 'BIGINT',
  hash: 'VARCHAR',
}

/** Of the event's JSON: the fields that are read, each with its type. */
function structureOf({ columns }: Source): object {
  const structure: Record<string, string | Record<string, string>> = {}
  for (const { path, kind } of columns) {
    const [field = '', inner] = path
    if (kind === 'hash') continue
    if (inner === undefined) structure[field] = TYPES[kind]
    else structure[field] = { ...(structure[field] as Record<string, string> | undefined), [inner]: TYPES[kind] }
  }
  return structure
}

function valueOf({ path, kind, otherwise }: BronzeColumn): string {
  const field = `x.${path.join('.')}`
  if (kind === 'hash') return 'r.h'
  if (kind === 'event time') return `make_timestamp(${field} * 1000)`
  if (kind === 'time') return `try_cast(${field} as timestamp)`
  return otherwise === undefined ? field : `coalesce(${field}, ${quoted(otherwise)})`
}

/** The loader's side of DuckDB, on a connection of its own. */
export function duckdbBronze(connect: () => Promise<Session>, { path, loadDir }: { path: string; loadDir: string }): Bronze {
  const on = loaderConnection(connect)
  let turn = 0

  async function load(batch: StagedBatch, files: readonly StagedFile[], loadedAt: number): Promise<void> {
    await on((connection) =>
      connection.transaction(async () => {
        await move(connection, batch, moving(loadedAt))
        for (const file of files) await connection.run(insertOf(file, loadedAt))
        step('loader.before-commit')
      }),
    )
    step('loader.after-commit')
  }

  return {
    ...placesOn(on),
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

const moving = (loadedAt: number) => ({
  quoted,
  update: (rows: string) =>
    `update bronze.places as p set "next" = s."next", "read" = p."read" + s."read", applied = p.applied + s.applied,
       skipped = p.skipped + s.skipped, loaded_at = make_timestamp(${loadedAt} * 1000)
     from (values ${rows}) as s(topic, "partition", log_id, "from", "next", "read", applied, skipped)
     where p.topic = s.topic and p."partition" = s."partition" and p."next" = s."from" and p.log_id = s.log_id`,
})

function insertOf({ topic, logId, path, lineBytesMax, ranges }: StagedFile, loadedAt: number): string {
  const source = BRONZE_SOURCES[topic]
  const { columns, eventTime, producer } = source
  const structure = JSON.stringify(structureOf(source))
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
    ['partition_date', `coalesce(${valueOf(eventTime)}, make_timestamp(r.a * 1000))::date`],
  ]
  const all = [...columns.map((column) => [column.name, valueOf(column)] as const), ...meta]
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
