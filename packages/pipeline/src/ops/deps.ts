import type { DatabaseSync } from 'node:sqlite'
import type { DeadLetter } from '@flowguard/contract'
import type { AlertBook } from '../alerts/book.ts'
import type { BillingView } from '../billing/billing-view.ts'
import type { CounterChanges } from '../billing/counter-changes.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { Keyed } from '../http/keys.ts'
import type { Etl } from '../etl/etl.ts'
import type { Reconciling } from '../reconcile/outcome.ts'
import type { Exported } from '../warehouse/export.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { Position } from '../log/event-log.ts'
import type { Stores } from './stores.ts'
import type { Ask } from './tasks.ts'

export interface OpsDeps {
  /** For what is asked each second. */
  stores: Stores
  /** For what looks at many rows. */
  ask: Ask
  /** The pipeline's own connection: what an operator does is written there. */
  db: DatabaseSync
  /** Of the same connection: what an operator does with an alert. */
  alerts: Pick<AlertBook, 'acknowledge' | 'resolve'>
  /** The one that this process owns. */
  warehouse: Pick<Warehouse, 'query' | 'dialect'>
  etl: Etl
  reconciling: Reconciling
  /** Brings what other programs look at to what the warehouse holds now. */
  exporting: () => Promise<Exported>
  billing: BillingView
  /** Left out where the counters are in the pipeline's store alone. */
  counters?: Pick<CounterChanges, 'askForFilling' | 'epoch' | 'latest'> | undefined
  /** Has the gateway append a dead letter's bytes again; resolves to where they lie. */
  resend: (letter: DeadLetter) => Promise<Pick<Position, 'partition' | 'offset'>>
  /** The gateway's metrics, in Prometheus' text format. Rejects where it does not answer. */
  gatewayMetrics: () => Promise<string>
  /** Where the built console is to be found. */
  consoleDir: string
  clock: Clock
  logger: Logger
  version: string
  environment: string
  /** What of the routes under /api needs a key. */
  keyed: Keyed
  hasKey: (hash: string, use: 'all' | 'events') => Promise<boolean>
  corsOrigins: readonly string[]
  /** Requests a minute and client; 0 is no limit. */
  rateLimit: number
}
