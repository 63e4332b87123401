import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, until } from './machine.ts'

const PROGRAM = 'prometheus'
const MISSING = 'is not installed: on Debian, `apt-get install prometheus` brings both it and promtool'

/** Runs one of Prometheus' programs to its end. */
export async function runTool(command: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await started(command, child)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output: Buffer.concat(chunks).toString() }
}

export interface Prometheus extends AsyncDisposable {
  /** The values of a query by now; those that are no number are left out. */
  values(query: string): Promise<number[]>
}

/** A Prometheus of its own, with this configuration. */
export async function startPrometheus(config: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-prometheus-'))
  const file = join(folder, 'prometheus.yml')
  writeFileSync(file, config)
  const port = await freePort()
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn(PROGRAM, args, { stdio: 'ignore' })
  await started(PROGRAM, child)
  const url = `http://127.0.0.1:${port}`
  await until('Prometheus is ready', async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true)
  return {
    async values(query) {
      const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query }) })
      const { data, error } = (await response.json()) as { data?: { result: { value: [number, string] }[] }; error?: string }
      if (!data) throw new Error(`${query}: ${error}`)
      return data.result.map(({ value }) => Number(value[1])).filter(Number.isFinite)
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

async function started(command: string, child: ReturnType<typeof spawn>): Promise<void> {
  try {
    await once(child, 'spawn')
  } catch (error) {
    throw new Error(`${command} ${MISSING}`, { cause: error })
  }
}
