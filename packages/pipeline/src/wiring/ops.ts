import { join } from 'node:path'
import { counterChanges } from '../billing/counter-changes.ts'
import { askInThreads } from '../ops-threads.ts'
import { ROOT } from '../kernel/config.ts'
import { isOperatorsKey } from '../kernel/operator-key.ts'
import { resendTo } from '../ops/gateway-client.ts'
import { metricsOf } from '../ops/gateway-figures.ts'
import { createOps } from '../ops/server.ts'
import { FILES } from '../ops/stores.ts'
import { openStores, placesOf } from '../stores.ts'
import { alertsOf } from './alerts.ts'
import { billsOf } from './counters.ts'
import { readingDatabase } from './edge-stores.ts'
import { etlOf } from './etl.ts'
import { exportOf } from './export.ts'
import { reconcilingOf } from './reconcile.ts'
import type { StartRole } from './machine.ts'
import { closingAtStop, keysNeeded, served } from './served.ts'

export const start: StartRole = async (machine) => {
  const { settings, clock, closing, path } = machine
  const { db } = await machine.pipeline()
  const { book, watching } = await alertsOf(machine)
  const database = await readingDatabase(machine)
  const places = placesOf(settings)
  const isOperators = isOperatorsKey(settings.DATA_DIR)
  const ops = await createOps({
    ...served(machine),
    stores: closing.use(openStores({ ...places, clock })),
    ask: askInThreads(places, machine.signal),
    db,
    alerts: book,
    warehouse: await machine.warehouse(),
    etl: await etlOf(machine),
    reconciling: await reconcilingOf(machine),
    exporting: await exportOf(machine, () => etlOf(machine)),
    billing: closing.use(await billsOf(settings, path(FILES.pipeline), () => database.ads())),
    counters: settings.COUNTERS_URL === 'sqlite:' ? undefined : counterChanges(db),
    resend: resendTo(settings.GATEWAY_URL, settings.WRITE_KEY),
    gatewayMetrics: metricsOf(settings.GATEWAY_URL),
    consoleDir: join(ROOT, 'apps/console/dist'),
    keyed: (await keysNeeded(settings, database)) ? 'everything' : settings.WRITE_KEYS === 'off' ? 'nothing' : 'changes',
    hasKey: async (sha256, use) => isOperators(sha256) || database.hasKey(sha256, use),
  })
  closing.defer(() => ops.close())
  await ops.listen({ host: settings.HOST, port: Number(settings.OPS_PORT) })
  return [...watching, closingAtStop(ops)]
}
