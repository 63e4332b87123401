import { DEAD } from '@flowguard/contract'
import type { TransactionalLog } from '../log/event-log.ts'
import type { Handler } from '../reader/loop.ts'

/** Under this name the workers' dead letters are copied into `dead.v1`, where everybody looks for them. */
export const LANE_DEAD = 'lane-dead'

/** Copies each record as it is; with the place in one transaction, so once. */
export function deadShipper(derived: TransactionalLog): Handler {
  return {
    load() {},
    apply(batch) {
      derived.appendNow(
        DEAD,
        batch.map(({ key, value, headers }) => ({ key: key ?? '', value, headers })),
      )
      return batch.map(() => 'applied')
    },
    timeOf: () => -1,
  }
}
