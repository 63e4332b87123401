import { laneOf, type Lane } from '../workers/lane-view.ts'
import { GENERAL } from '@flowguard/contract'
import { ERASED_FILE, readErased } from '../erasure/erased-list.ts'
import type { AppendedLog } from '../log/event-log.ts'
import { sqliteLogView } from '../log/adapters/sqlite-view.ts'
import { FILES } from '../ops/stores.ts'
import { sqliteJourneys } from '../stream/adapters/sqlite-journeys.ts'
import { billsOf } from './counters.ts'
import { notesOf } from './customers.ts'
import { rawLogs, rawLogToAppend, timedLogToAppend } from './logs.ts'
import type { Machine, StartRole } from './machine.ts'
import { openStores, placesOf } from '../stores.ts'
import { retainRaw } from './retained.ts'
import { closingAtStop, keysNeeded, served } from './served.ts'

export const start: StartRole = async (machine) => {
  const { settings, database, path, closing } = machine
  const db = await database()
  const log = await rawLogToAppend(machine)
  const keyed = (await keysNeeded(settings, db)) ? 'everything' : 'nothing'
  // The stores come first: the pipeline, which starts beside this, waits for them.
  const { createGateway } = await import('../gateway/server.ts')
  const gateway = await createGateway({
    ...served(machine),
    log,
    timedLog: await timedLogToAppend(machine),
    hasEventsLog: rawLogs(settings).length > 1,
    database: db,
    billing: closing.use(await billsOf(settings, path(FILES.pipeline), () => db.ads())),
    journeys: sqliteJourneys(path(FILES.pipeline), (store) => sqliteLogView(store, machine.topics)),
    notes: closing.use(await notesOf(settings, path(FILES.pipeline))),
    lane: generalLane(machine, log),
    keyed,
    erased: readErased(path(ERASED_FILE)),
  })
  closing.defer(() => gateway.close())
  await gateway.listen({ host: settings.HOST, port: Number(settings.GATEWAY_PORT) })
  db.prepareOrders()
  return [closingAtStop(gateway), gateway.heartbeats, ...(await retainRaw(machine, 'sqlite'))]
}

/** The general lane, as the log and the workers' store have it; they may not have made that yet. */
function generalLane({ settings, clock, closing }: Machine, log: AppendedLog): () => Promise<Lane> {
  const stores = closing.use(openStores({ ...placesOf(settings), clock }))
  return async () => {
    const { lane } = await stores.look('lane')
    // The ends after the places: what is appended meanwhile is waiting, and nothing has been read that is not there.
    const figures = await lane?.figures(clock())
    return laneOf(await log.ends(GENERAL), figures)
  }
}
