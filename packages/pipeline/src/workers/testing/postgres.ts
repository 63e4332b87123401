import { testDatabase } from '../../database/testing/postgres.ts'
import { deadLetters, START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { openPostgresLane } from '../adapters/postgres-lane.ts'
import type { LaneMachine } from './fixture.ts'

/** A lane's tables in a database of their own. */
export async function postgresMachine(): Promise<LaneMachine> {
  const folder = temporaryFolder()
  const database = await testDatabase('w')
  let now = START
  const clock = () => now
  // Each with a pool of its own, as another process has.
  const open = () => openPostgresLane({ postgres: database.connect(), topics: TOPICS, clock, leaseClock: clock })
  const store = await open()
  const look = database.connect()
  return {
    folder: folder.path,
    store,
    another: open,
    clock,
    pass: (ms: number) => void (now += ms),
    letters: () => deadLetters(store.lane),
    rows: (sql: string) => look.rows(sql),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}
