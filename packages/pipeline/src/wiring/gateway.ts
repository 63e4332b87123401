import { guarded } from '../kernel/sqlite.ts'
import { laneFigures, laneOf, type Lane } from '../workers/lane-view.ts'
import { GENERAL } from '@flowguard/contract'
import { sqliteBillingView } from '../billing/adapters/sqlite-view.ts'
import type { EventLog } from '../log/event-log.ts'
import { FILES } from '../ops/stores.ts'
import type { Machine, StartRole } from './machine.ts'
import { lookingAt, retainRaw } from './retained.ts'
import { closingAtStop, keysNeeded, served } from './served.ts'

export const start: StartRole = async (machine) => {
  const { settings, database, rawLog, path, closing } = machine
  const db = await database()
  const log = rawLog()
  const keyed = (await keysNeeded(settings, db)) ? 'everything' : 'nothing'
  // The stores come first: the pipeline, which starts beside this, waits for them.
  const { createGateway } = await import('../gateway/server.ts')
  const gateway = await createGateway({
    ...served(machine),
    log,
    database: db,
    billing: closing.use(sqliteBillingView(path(FILES.pipeline), () => db.ads())),
    lane: generalLane(machine, log),
    dataDir: settings.DATA_DIR,
    keyed,
  })
  closing.defer(() => gateway.close())
  await gateway.listen({ host: settings.HOST, port: Number(settings.GATEWAY_PORT) })
  db.prepareOrders()
  return [closingAtStop(gateway), gateway.heartbeats, retainRaw(machine)]
}

/** The general lane, as the log and the workers' store have it; they may not have made that yet. */
function generalLane({ path, clock, closing }: Machine, log: EventLog): () => Promise<Lane> {
  const file = path(FILES.lane)
  const store = lookingAt(file)
  closing.defer(store.close)
  return async () => {
    const db = store.db()
    // The ends after the places: what is appended meanwhile is waiting, and nothing has been read that is not there.
    const figures = db && guarded(file, () => laneFigures(db, clock()))
    return laneOf(await log.ends(GENERAL), figures)
  }
}
