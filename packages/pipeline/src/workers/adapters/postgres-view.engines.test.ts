import { testDatabase } from '../../database/testing/postgres.ts'
import { migratePostgres } from '../../kernel/postgres.ts'
import { laneViewConformance } from '../lane-view.conformance.ts'
import { POSTGRES_LANE_SCHEMA } from './postgres-lane-schema.ts'
import { postgresLaneView } from './postgres-view.ts'

laneViewConformance('postgres', async () => {
  const database = await testDatabase('o')
  const postgres = database.connect()
  await migratePostgres(postgres, 'lane', POSTGRES_LANE_SCHEMA)
  await postgres.rows(`insert into lane_log (log_id) values ('a log')`)
  await postgres.rows('insert into lane_ends select at, 0 from generate_series(0, 2) as at')
  return {
    view: (await postgresLaneView(database.connect({ onlyReads: true })))!,
    run: async (sql) => void (await postgres.rows(sql)),
    // Of two partitions, as two workers leave it.
    async addTook(bucket, events, seconds) {
      await postgres.rows('insert into lane_took values ($1, 0, $2, $3), ($1, 1, 0, 0)', [bucket, events, seconds])
    },
    async addLetters(partition, values) {
      await postgres.rows(
        `insert into lane_letters select $1::int, at - 1, 5, 'k', '{}', value from unnest($2::text[]) with ordinality as l (value, at)`,
        [partition, values],
      )
      await postgres.rows('update lane_ends set next = $2 where log_partition = $1', [partition, values.length])
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
})
