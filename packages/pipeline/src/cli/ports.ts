import { createServer } from 'node:net'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'

/** What `up` listens on. */
const PORTS = ['GATEWAY_PORT', 'CATALOG_PORT', 'OPS_PORT', 'STORE_PORT'] as const
/** 8000 becomes 18000. */
const APART = [10_000, 20_000, 30_000, 40_000, 50_000]
const PORT_COUNT = 65_536
/** Those below are for the system's own. */
const PORT_MIN = 1_024

/** The error code of trying to listen, or undefined where it works. */
export function listenFault(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

/** Throws one `port_taken` for all that are, with other ports to paste. The store's alone keeps nothing from starting: all but the store goes on without it. */
export async function assertPortsFree(settings: Settings, hasStore: boolean): Promise<void> {
  const isTaken = async (port: number) => (await listenFault(settings.HOST, port)) === 'EADDRINUSE'
  const taken: { name: (typeof PORTS)[number]; port: number; other: number | undefined }[] = []
  for (const name of PORTS) {
    if (name === 'STORE_PORT' && !hasStore) continue
    const port = Number(settings[name])
    if (!(await isTaken(port))) continue
    let other: number | undefined
    for (const each of APART.map((apart) => (port + apart) % PORT_COUNT))
      if (other === undefined && each >= PORT_MIN && !(await isTaken(each))) other = each
    taken.push({ name, port, other })
  }
  if (taken.every(({ name }) => name === 'STORE_PORT')) return
  const set = taken.flatMap(({ name, other }) => (other === undefined ? [] : [[name, other] as const]))
  const line =
    process.platform === 'win32'
      ? set.map(([name, other]) => `$env:${name}=${other}`).join('; ')
      : `export ${set.map((each) => each.join('=')).join(' ')}`
  throw new FlowGuardError(
    'port_taken',
    `taken on ${settings.HOST}: ${taken.map(({ name, port }) => `port ${port} (${name})`).join(', ')}` +
      (set.length === 0 ? '' : `. These are free; set them in every terminal that FlowGuard is used from:\n    ${line}`),
  )
}
