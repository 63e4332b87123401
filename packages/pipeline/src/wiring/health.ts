import type { Checks } from '../http/health.ts'
import { VERSION } from '../kernel/config.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { measures } from '../kernel/measures.ts'
import type { Role } from '../roles.ts'
import type { Machine } from './machine.ts'
import { closingAtStop } from './served.ts'

/** Roles that answer by HTTP, and show health and metrics there. */
const SERVED: readonly Role[] = ['gateway', 'catalog', 'ops']
/** A reader comes back from its log twice a second, and from a batch within seconds. */
const READER_SILENT_MS = 15_000
const LEASE_UNKNOWN = 'the database does not answer: nobody knows who holds it, and the work waits'

/** `/livez`, `/readyz` and `/metrics` on METRICS_PORT, where that is set and none of the roles of this process serves them already. */
export async function serveMonitoring(machine: Machine, roles: readonly Role[]): Promise<readonly Part[]> {
  const { settings, closing, logger } = machine
  const port = Number(settings.METRICS_PORT)
  if (port === 0 || roles.some((role) => SERVED.includes(role))) return []
  const { createMonitoring } = await import('../monitoring/server.ts')
  const server = await createMonitoring({ logger, version: VERSION, dataDir: settings.DATA_DIR, checks: () => checksOf(machine) })
  closing.defer(() => server.close())
  await server.listen({ host: settings.HOST, port })
  return [closingAtStop(server)]
}

/** What was opened here answers, what reads here goes on, and of what runs once this process holds the lease or stands by: both are well. What stands by reads nothing. */
function checksOf({ checks }: Machine): Checks {
  const readers = [...measures.readers].flatMap(([reader, { turnAt }]) => {
    if (turnAt === undefined) return []
    const silentMs = performance.now() - turnAt
    const check = async () =>
      silentMs < READER_SILENT_MS ? undefined : `has not come back from the log for ${Math.round(silentMs / 1_000)} s`
    return [[`reader ${reader}`, { check }] as const]
  })
  const leases = [...measures.leases].map(([lease, state]) => {
    const check = async () => (state === 'unknown' ? LEASE_UNKNOWN : { well: state })
    return [`lease ${lease}`, { check }] as const
  })
  return { ...checks, ...Object.fromEntries([...readers, ...leases]) }
}
