/**
 * `npm run engines`: installs the engines where they are missing, starts them, and runs `flowguard up` on them, until Ctrl-C. What they hold stays for the next time.
 *
 *   npm run engines                          everything but Flink, Spark and Snowflake's stand-in
 *   STREAM_ENGINE=flink npm run engines      Flink too, and its job in the place of the embedded stream
 *   BATCH_ENGINE=spark npm run engines       Spark too, for silver and gold
 *   npm run engines -- --only kafka,redis    only these
 *   npm run engines -- --no-up               the engines alone: prints the settings with which FlowGuard runs on them
 *   npm run engines -- --dir DIR             keeps what they hold there
 *   npm run engines -- install               only installs
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EngineError, say } from '../engines/command.ts'
import { ENGINE_NAMES, installEngines, productEnvironment, startEngines } from '../engines/engines.ts'
import { DEFAULT_PORTS } from '../engines/ports.ts'
import { prometheusConfig } from '../engines/prometheus.ts'
import { openRunFolder } from '../engines/run-folder.ts'
import { enginesNamed, untilStopped } from './engine-options.ts'

const root = resolve(import.meta.dirname, '..')

/** Not in the home folder, which PostgreSQL, that is never root, often cannot reach. */
const FOLDER = process.platform === 'linux' ? `/var/tmp/flowguard-engines-${userInfo().username}` : join(tmpdir(), 'flowguard-engines')

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: { only: { type: 'string' }, up: { type: 'boolean', default: true }, dir: { type: 'string' } },
  })
  const [task, ...rest] = positionals
  if ((task !== undefined && task !== 'install') || rest.length > 0)
    throw new EngineError(`${positionals.join(' ')}: there is only "install"`)
  const isFlinks = process.env['STREAM_ENGINE'] === 'flink'
  const isSparks = process.env['BATCH_ENGINE'] === 'spark'
  const names = enginesNamed(values.only, [...(isFlinks ? (['flink'] as const) : []), ...(isSparks ? (['spark'] as const) : [])])
  // What one stream engine has answered, the other does not go on from.
  const dir = resolve(values.dir ?? `${FOLDER}${isFlinks ? '-flink' : ''}`)
  const installed = await installEngines(names)
  if (task === 'install') return 0

  using stopping = untilStopped()
  const { signal } = stopping
  using folder = openRunFolder(dir)
  if (names.includes('prometheus')) writeFileSync(prometheusConfig(folder), scraping())
  await using engines = await startEngines(installed, folder, DEFAULT_PORTS)
  say(`running: ${[...engines.servers.keys()].join(', ')}; Ctrl-C stops them; they keep what they hold in ${dir}`)
  // The log's places are in the data folder: it goes with the engines, not with the checkout, and with just these of them.
  const dataFolder = values.only === undefined ? 'flowguard' : `flowguard-${names.join('-')}`
  const settings = { ...productEnvironment(names, DEFAULT_PORTS, installed.drivers, folder), DATA_DIR: folder.path(dataFolder) }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  const file = folder.path('settings.sh')
  const all = Object.keys(productEnvironment(ENGINE_NAMES, DEFAULT_PORTS, installed.drivers, folder))
  // What the terminal has of other engines is not for these.
  writeFileSync(file, `unset ${all.join(' ')}\n${lines.map((line) => `export ${line.replace(/=(.*)/, "='$1'")}`).join('')}`)
  say(`in another terminal, for npx flowguard to look here too: . ${file}`)
  if (!values.up) process.stdout.write(lines.join(''))
  if (values.up) {
    if (isFlinks && (await flowguard(['stream', 'flink', 'deploy'], settings, signal)) !== 0) return 1
    return await flowguard(['up'], settings, signal)
  }
  // A listener holds no process.
  const awake = setInterval(() => undefined, 60_000)
  if (!signal.aborted) await once(signal, 'abort')
  clearInterval(awake)
  return 0
}

/** Prometheus' configuration for `flowguard up` on this machine. */
function scraping(): string {
  const folder = join(root, 'config/prometheus')
  const { GATEWAY_PORT = '8000', CATALOG_PORT = '8001', OPS_PORT = '8080' } = process.env
  return readFileSync(join(folder, 'prometheus.yml'), 'utf8')
    .replace('rules/*.yml', join(folder, 'rules/*.yml'))
    .replace(':8000', `:${GATEWAY_PORT}`)
    .replace(':8001', `:${CATALOG_PORT}`)
    .replace(':8080', `:${OPS_PORT}`)
}

/** In a group of its own, so that Ctrl-C reaches it once: twice means "at once". */
async function flowguard(command: readonly string[], settings: Readonly<Record<string, string>>, signal: AbortSignal): Promise<number> {
  const args = [join(root, 'packages/pipeline/bin/flowguard.mjs'), ...command]
  const child = spawn(process.execPath, args, { stdio: 'inherit', detached: true, env: { ...process.env, ...settings } })
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  const [code] = (await once(child, 'exit')) as [number | null]
  return signal.aborted ? 0 : (code ?? 1)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof EngineError)) throw error
  say(error.message)
  process.exitCode = 1
}
