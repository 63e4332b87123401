import type { DatabaseSync } from 'node:sqlite'
import type { WalkedLog } from '../../log/log-view.ts'
import { laneViewOn } from '../lane-look.ts'
import type { LaneView } from '../lane-view.ts'

/** A look at the lane's tables in SQLite: as they are, or as the transaction that is open on the connection sees them. `log` lies on the same connection. */
export function sqliteLaneView(db: DatabaseSync, log: WalkedLog): LaneView {
  return laneViewOn(
    async <T>(sql: string, ...values: (string | number)[]) => db.prepare(sql.replaceAll('$', '?')).all(...values) as T[],
    log,
  )
}
