import { existsSync, writeFileSync } from 'node:fs'
import { program } from './command.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { LEAST } from './versions.ts'

const READY_MS_MAX = 30_000
const STOP_MS_MAX = 10_000
const ASK_MS_MAX = 3_000

export interface PrometheusTools {
  server: string
}

export async function installPrometheus(): Promise<PrometheusTools> {
  return { server: await program('prometheus', { packageName: 'prometheus', least: LEAST.prometheus }) }
}

/** The file of its configuration: whoever changes it has it read by `POST /-/reload`. */
export const prometheusConfig = (folder: RunFolder) => folder.path('prometheus', 'prometheus.yaml')

/** Scrapes nothing at first. */
export function startPrometheus(folder: RunFolder, { server }: PrometheusTools, ports: Ports): Server[] {
  const config = prometheusConfig(folder)
  if (!existsSync(config)) writeFileSync(config, 'global: {scrape_interval: 1s, evaluation_interval: 1s}\n')
  const address = `127.0.0.1:${ports.prometheus}`
  return [
    serverOf(folder, {
      name: 'prometheus',
      program: server,
      args: [
        `--config.file=${config}`,
        `--storage.tsdb.path=${folder.path('prometheus', 'data')}`,
        `--web.listen-address=${address}`,
        '--web.enable-lifecycle',
      ],
      ports: [ports.prometheus],
      isReady: async () => (await fetch(`http://${address}/-/ready`, { signal: AbortSignal.timeout(ASK_MS_MAX) })).ok,
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    }),
  ]
}
