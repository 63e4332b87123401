import type { StartRole } from './machine.ts'
import { closingAtStop, served } from './served.ts'

export const start: StartRole = async (machine) => {
  const { settings, database, closing } = machine
  // After the stores, as the gateway is.
  const { createCatalog } = await import('../catalog/server.ts')
  const catalog = await createCatalog({ ...served(machine), database: await database() })
  closing.defer(() => catalog.close())
  await catalog.listen({ host: settings.HOST, port: Number(settings.CATALOG_PORT) })
  return [closingAtStop(catalog)]
}
