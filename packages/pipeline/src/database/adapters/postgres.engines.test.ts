import { databaseConformance } from '../database.conformance.ts'
import { testDatabase } from '../testing/postgres.ts'
import { openPostgresDatabase, openPostgresDatabaseReader } from './postgres.ts'

databaseConformance('postgres', async () => {
  const store = await testDatabase()
  return {
    open: (clock) => openPostgresDatabase({ postgres: store.connect(), clock }),
    openReader: (clock) => openPostgresDatabaseReader({ postgres: store.connect({ onlyReads: true }), clock }),
    replaceMsMax: 4_000,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
})
