import { writeFileSync } from 'node:fs'
import { goProgram } from './go.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { VERSIONS } from './versions.ts'

const READY_MS_MAX = 20_000
const STOP_MS_MAX = 5_000
const ASK_MS_MAX = 3_000

export interface ToxiproxyTools {
  server: string
}

export async function installToxiproxy(): Promise<ToxiproxyTools> {
  return { server: await goProgram('toxiproxy', 'github.com/Shopify/toxiproxy/v2/cmd/server', VERSIONS.toxiproxy) }
}

/** A way to each engine through which a test can cut, slow or reset the network; each named after its server. */
export function startToxiproxy(folder: RunFolder, { server }: ToxiproxyTools, ports: Ports): Server[] {
  const file = folder.path('toxiproxy', 'proxies.json')
  const proxy = (name: string, listen: number, upstream: number) => ({
    name,
    listen: `127.0.0.1:${listen}`,
    upstream: `127.0.0.1:${upstream}`,
    enabled: true,
  })
  const proxies = [
    proxy('kafka-1', ports['kafka-1-proxy'], ports['kafka-1-behind']),
    proxy('kafka-2', ports['kafka-2-proxy'], ports['kafka-2-behind']),
    proxy('kafka-3', ports['kafka-3-proxy'], ports['kafka-3-behind']),
    proxy('postgres', ports['postgres-proxy'], ports.postgres),
    proxy('redis', ports['redis-proxy'], ports.redis),
    proxy('s3', ports['s3-proxy'], ports.s3),
    proxy('snowflake', ports['snowflake-proxy'], ports.snowflake),
  ]
  writeFileSync(file, JSON.stringify(proxies))
  return [
    serverOf(folder, {
      name: 'toxiproxy',
      program: server,
      args: ['-host', '127.0.0.1', '-port', String(ports.toxiproxy), '-config', file],
      ports: [ports.toxiproxy, ...proxies.map((each) => Number(each.listen.split(':')[1]))],
      // It takes requests before it has opened all that its file names.
      isReady: async () => {
        const response = await fetch(`http://127.0.0.1:${ports.toxiproxy}/proxies`, { signal: AbortSignal.timeout(ASK_MS_MAX) })
        return Object.keys((await response.json()) as object).length === proxies.length
      },
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    }),
  ]
}
