import type { DatabaseSync } from 'node:sqlite'
import { guarded, openReadOnly, storeError } from '../../kernel/sqlite.ts'
import type { LogView } from '../../log/log-view.ts'
import type { JourneyView } from '../journey-view.ts'
import { journeyIn } from '../journeys.ts'

/** Reads another process's `pipeline.db`, each time as of one moment. `topicsIn`: the derived topics that lie in it. */
export function sqliteJourneys(path: string, topicsIn: (db: DatabaseSync) => LogView | undefined): JourneyView {
  return {
    async of(userId, page) {
      const db = guarded(path, () => openReadOnly(path))
      try {
        db.exec('begin')
        return await journeyIn(db, topicsIn(db), userId, page)
      } catch (error) {
        throw storeError(path, error)
      } finally {
        db.close()
      }
    },
  }
}
