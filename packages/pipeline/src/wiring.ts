import type { Settings } from './kernel/config.ts'
import { runAll, type Part } from './kernel/lifecycle.ts'
import type { Logger } from './kernel/logging.ts'
import type { Role } from './roles.ts'
import { openMachine, type StartRole } from './wiring/machine.ts'

/** What each role is made of: loaded where it runs, so that no process waits for what another needs. */
const ROLE_MODULES: Record<Role, () => Promise<{ start: StartRole }>> = {
  gateway: () => import('./wiring/gateway.ts'),
  catalog: () => import('./wiring/catalog.ts'),
  relay: () => import('./wiring/relay.ts'),
  stream: () => import('./wiring/stream.ts'),
  billing: () => import('./wiring/billing.ts'),
  loader: () => import('./wiring/loader.ts'),
  scheduler: () => import('./wiring/scheduler.ts'),
  workers: () => import('./wiring/workers.ts'),
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
  for (const { start } of modules) parts.push(...(await start(machine)))
  onReady()
  await runAll(parts, signal)
}
