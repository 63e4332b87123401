import { Command } from 'commander'
import type { Settings } from '../kernel/config.ts'
import { hasCode } from '../kernel/errors.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { request } from './http.ts'
import { printable, table } from './output.ts'

const HEALTH_MS_MAX = 5_000

export interface Health {
  service: string
  url: string
  status: 'healthy' | 'degraded' | 'unhealthy' | 'unreachable'
  detail: string
}

export function healthCheckCommand(cli: Cli): Command {
  return new Command('health-check')
    .description('whether the gateway, the catalogue and the operations API are well; exits 3 if one is not')
    .addHelpText('after', example('health-check', 'health-check --json'))
    .action(action<object, []>(cli, showHealth))
}

async function showHealth({ settings, out }: Context): Promise<ExitCode> {
  const all = await healthOfAll(settings)
  const c = out.colors
  const colors = { healthy: c.green, degraded: c.yellow, unhealthy: c.red, unreachable: c.red }
  if (out.isJson) out.json(all)
  else {
    const rows = all.map(({ service, url, status, detail }) => [service, colors[status](status), url, c.dim(printable(detail))])
    out.line(table([{ title: 'service' }, { title: 'status' }, { title: 'address' }, { title: '' }], rows, c))
  }
  return all.every(({ status }) => status === 'healthy') ? EXIT.done : EXIT.unhealthy
}

/** Asks each service by itself, all at once. */
export function healthOfAll(settings: Settings): Promise<Health[]> {
  const catalog = new URL(settings.GATEWAY_URL)
  catalog.port = settings.CATALOG_PORT
  return Promise.all([health('gateway', settings.GATEWAY_URL), health('catalogue', catalog.origin), health('operations', settings.OPS_URL)])
}

async function health(service: string, url: string): Promise<Health> {
  try {
    const { status, body } = await request(`${url}/health`, { timeoutMs: HEALTH_MS_MAX })
    const said = (body as { status?: unknown } | null)?.status
    const known = said === 'healthy' || said === 'degraded' || said === 'unhealthy' ? said : 'unhealthy'
    return { service, url, status: status === 200 ? known : 'unhealthy', detail: status === 200 ? '' : `answers ${status}${failing(body)}` }
  } catch (error) {
    if (!hasCode(error, 'unreachable')) throw error
    return { service, url, status: 'unreachable', detail: (error as Error).message }
  }
}

/** The checks that failed, by name. */
function failing(body: unknown): string {
  const checks = (body as { checks?: Record<string, { status?: string; detail?: string } | null> } | null)?.checks ?? {}
  const named = Object.entries(checks).filter(([, check]) => check?.status !== 'healthy' && check?.status !== undefined)
  return named.map(([name, check]) => `; ${name}: ${check?.detail ?? check?.status}`).join('')
}
