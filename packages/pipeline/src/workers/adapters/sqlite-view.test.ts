import { DEAD } from '@flowguard/contract'
import { openLaneStore } from '../../lane-store.ts'
import { sqliteLogView } from '../../log/adapters/sqlite-view.ts'
import { START, TOPICS } from '../../reader/testing/fixture.ts'
import { laneViewConformance } from '../lane-view.conformance.ts'
import { sqliteLaneView } from './sqlite-view.ts'

laneViewConformance('sqlite', async () => {
  const store = openLaneStore(':memory:', TOPICS, () => START)
  const { db, lane } = store
  return {
    view: sqliteLaneView(db, sqliteLogView(db, TOPICS)!),
    run: async (sql) => db.exec(sql),
    addTook: async (bucket, events, seconds) => void db.prepare('insert into lane_durations values (?, ?, ?)').run(bucket, events, seconds),
    async addLetters(partition, values) {
      await lane.append(
        DEAD,
        values.map((value) => ({ key: 'k', value, headers: {}, partition })),
      )
    },
    [Symbol.asyncDispose]: async () => store[Symbol.dispose](),
  }
})
