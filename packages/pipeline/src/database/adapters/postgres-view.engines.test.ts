import { migratePostgres } from '../../kernel/postgres.ts'
import { databaseViewConformance } from '../database-view.conformance.ts'
import { testDatabase } from '../testing/postgres.ts'
import { POSTGRES_DATABASE_MIGRATIONS } from './postgres-schema.ts'
import { postgresDatabaseView } from './postgres-view.ts'

databaseViewConformance('postgres', async () => {
  const database = await testDatabase('o')
  const postgres = database.connect()
  await migratePostgres(postgres, 'database', POSTGRES_DATABASE_MIGRATIONS)
  return {
    view: postgresDatabaseView(database.connect({ onlyReads: true })),
    run: async (sql, ...values) => void (await postgres.rows(sql, values)),
    async addEvents(events) {
      const columns = [events.map(({ eventId }) => eventId), events.map(({ orderId }) => orderId)]
      await postgres.rows(`insert into order_events select *, 'hash' from unnest($1::text[], $2::text[])`, columns)
    },
    async addOutbox(orders, count, records) {
      await postgres.rows('insert into outbox (orders, records_count, records) values ($1, $2, $3)', [orders, count, records])
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  }
})
