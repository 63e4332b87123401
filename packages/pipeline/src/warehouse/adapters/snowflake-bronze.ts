import type { Topic } from '@flowguard/contract'
import { step } from '../../kernel/crash.ts'
import { FlowGuardError, hasCode } from '../../kernel/errors.ts'
import { BRONZE_COLUMNS, BRONZE_TABLES, type TypeNames } from '../schema.ts'
import type { Bronze, Session } from '../warehouse.ts'
import { loaderConnection, move, placesOn } from './bronze-places.ts'
import { quotedText } from './snowflake-sql.ts'
import { LOADED_AT, stagedBatch, type Piece, type StagedBatch } from './snowflake-stage.ts'

/** Of bronze's columns; a cell of JSON is cast to them. */
export const SNOWFLAKE_TYPES: TypeNames = {
  text: 'varchar',
  'own text': 'varchar',
  whole: 'number(38,0)',
  small: 'number(38,0)',
  money: 'number(18,2)',
  flag: 'boolean',
  time: 'timestamp_ntz',
  day: 'date',
}

/** The loader's side of Snowflake, on a connection of its own. */
export function snowflakeBronze(connect: () => Promise<Session>, where: string): Bronze {
  const on = loaderConnection(connect, (error) => notMade(where, error))

  return {
    ...placesOn(on),
    batch: async (logIdOf: (topic: Topic) => string) => stagedBatch(logIdOf),
    async load(batch, loadedAt) {
      const staged = batch as StagedBatch
      await on((connection) =>
        connection.transaction(async () => {
          await move(connection, staged, moving(loadedAt))
          for (const piece of staged.pieces) await connection.run(mergeOf(piece, loadedAt), [`[${piece.rows.join(',')}]`])
          step('loader.before-commit')
        }),
      )
      step('loader.after-commit')
    },
  }
}

/** Bronze's own tables not being there is no wrong statement. */
function notMade(where: string, error: unknown): unknown {
  if (!hasCode(error, 'query_failed') || !/does not exist|not authorized/i.test((error as Error).message)) return error
  return new FlowGuardError('warehouse_missing', `${where}: bronze is not there, or not for this role: ${(error as Error).message}`, error)
}

const at = (ms: number) => `'${new Date(ms).toISOString().slice(0, -1)}'::timestamp_ntz`

/** The lock that it takes is held until the commit. */
const moving = (loadedAt: number) => ({
  quoted: quotedText,
  update: (rows: string) =>
    `update bronze.places set "next" = s.to_next, "read" = bronze.places."read" + s.n_read, applied = bronze.places.applied + s.n_applied,
       skipped = bronze.places.skipped + s.n_skipped, loaded_at = ${at(loadedAt)}
     from (select column1 as s_topic, column2 as s_partition, column3 as s_log, column4 as from_next, column5 as to_next, column6 as n_read,
         column7 as n_applied, column8 as n_skipped from values ${rows}) as s
     where bronze.places.topic = s.s_topic and bronze.places."partition" = s.s_partition and bronze.places."next" = s.from_next
       and bronze.places.log_id = s.s_log`,
})

/** A row's place in the log besides its id: tables are clustered as they are loaded, so that only their newest partitions are looked at. */
const KEY = ['ingestion_id', 'source_topic', 'source_partition', 'source_offset']

/** What is there already stays. */
function mergeOf({ topic }: Piece, loadedAt: number): string {
  const columns = BRONZE_COLUMNS[topic]
  const cells = columns
    .filter(([name]) => name !== LOADED_AT)
    .map(([name, type], index) => `r.value[${index}]::${SNOWFLAKE_TYPES[type]} as ${name}`)
  const values = columns.map(([name]) => (name === LOADED_AT ? at(loadedAt) : `s.${name}`))
  return `merge into ${BRONZE_TABLES[topic]} as t
    using (select ${cells.join(', ')} from table(flatten(input => parse_json(?))) as r) as s
    on ${KEY.map((name) => `t.${name} = s.${name}`).join(' and ')}
    when not matched then insert (${columns.map(([name]) => name).join(', ')}) values (${values.join(', ')})`
}
