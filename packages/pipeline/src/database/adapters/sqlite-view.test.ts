import { openStore, migrate } from '../../kernel/sqlite.ts'
import { databaseViewConformance } from '../database-view.conformance.ts'
import { DATABASE_MIGRATIONS } from './sqlite-schema.ts'
import { sqliteDatabaseView } from './sqlite-view.ts'

databaseViewConformance('sqlite', async () => {
  const db = openStore(':memory:')
  migrate(db, ':memory:', DATABASE_MIGRATIONS)
  return {
    view: sqliteDatabaseView(db),
    run: async (sql, ...values) => void db.prepare(sql.replaceAll('$', '?')).run(...values),
    async addEvents(events) {
      const entries = JSON.stringify(events.map(({ eventId, orderId }) => [eventId, orderId, 'hash']))
      db.prepare('insert into order_ids_recent (entries) values (?)').run(entries)
    },
    addOutbox: async (orders, _count, records) =>
      void db.prepare('insert into outbox (orders, records) values (?, ?)').run(orders, records),
    [Symbol.asyncDispose]: async () => db.close(),
  }
})
