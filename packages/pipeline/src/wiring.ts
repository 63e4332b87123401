import type { Settings } from './kernel/config.ts'
import { underLease } from './kernel/lease.ts'
import { runAll, type Part } from './kernel/lifecycle.ts'
import type { Logger } from './kernel/logging.ts'
import { SCALED_ROLES, type Role } from './roles.ts'
import { leasesOf } from './wiring/edge-stores.ts'
import { serveMonitoring } from './wiring/health.ts'
import type { StartRole } from './wiring/machine.ts'
import { openMachine } from './wiring/open-machine.ts'

/** What each role is made of: loaded where it runs, so that no process waits for what another needs. */
const ROLE_MODULES: Record<Role, () => Promise<{ start: StartRole }>> = {
  gateway: () => import('./wiring/gateway.ts'),
  catalog: () => import('./wiring/catalog.ts'),
  relay: () => import('./wiring/relay.ts'),
  stream: () => import('./wiring/stream.ts'),
  billing: () => import('./wiring/billing.ts'),
  loader: () => import('./wiring/loader.ts'),
  lake: () => import('./wiring/lake.ts'),
  scheduler: () => import('./wiring/scheduler.ts'),
  workers: () => import('./wiring/workers.ts'),
  notifier: () => import('./wiring/notifier.ts'),
  ops: () => import('./wiring/ops.ts'),
}

/** Runs the roles in this process until the signal aborts or one of them fails. */
export async function runRoles(
  roles: readonly Role[],
  { settings, logger, signal, onReady }: { settings: Settings; logger: Logger; signal: AbortSignal; onReady: () => void },
): Promise<void> {
  await using machine = openMachine(settings, logger, signal)
  const parts: Part[] = []
  // All of them first: what waits for another process's store waits less then.
  const modules = await Promise.all(roles.map((role) => ROLE_MODULES[role]()))
  const leases = await leasesOf(machine)
  for (const [at, { start }] of modules.entries()) {
    const role = roles[at] as Role
    const started = await start(machine)
    if (!leases || SCALED_ROLES.includes(role)) parts.push(...started)
    else {
      const { named, running } = watched(started)
      const onStuck = () => abandon(logger, role, running())
      parts.push(underLease(leases, role, (lease) => runAll(named, lease), { logger, onStuck }))
    }
  }
  parts.push(...(await serveMonitoring(machine, roles)))
  onReady()
  await runAll(parts, signal)
}

/** The parts, and which of them have not ended. */
function watched(parts: readonly Part[]): { named: readonly Part[]; running: () => string[] } {
  const running = new Set<string>()
  const named = parts.map((part, at): Part => async (signal) => {
    const name = `${at} ${part.name}`
    running.add(name)
    try {
      await part(signal)
    } finally {
      running.delete(name)
    }
  })
  return { named, running: () => [...running] }
}

/**
 * Whoever watches over this process starts it again; nothing is lost that a kill would not lose. By a kill: an exit waits for what the drivers' own threads are at, which
 * may be what does not stop.
 */
function abandon(logger: Logger, role: Role, running: readonly string[]): void {
  logger.fatal({ role, running }, `${role}: its lease is lost, and it did not stop: this process ends`)
  process.kill(process.pid, 'SIGKILL')
}
