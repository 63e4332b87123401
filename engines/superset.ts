import { hash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, EngineError, need } from './command.ts'
import { installPython, type PythonTools } from './python.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { VERSIONS } from './versions.ts'

export const SUPERSET_ADMIN = 'admin'

const OWN = join(import.meta.dirname, 'superset')
const FILES = join(OWN, 'dashboards')
const PREPARE_MS_MAX = 10 * 60_000
const READY_MS_MAX = 3 * 60_000
const STOP_MS_MAX = 20_000
const ASK_MS_MAX = 3_000
const THREADS = 8

/** Superset with what it opens DuckDB's files with, all at the versions that were tried together. */
export async function installSuperset(): Promise<PythonTools> {
  const text = readFileSync(join(OWN, 'requirements.txt'), 'utf8')
  const requirements = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  if (!requirements.includes(`apache-superset==${VERSIONS.superset}`))
    throw new EngineError(`requirements.txt is not of Superset ${VERSIONS.superset}`)
  return installPython('superset', `${VERSIONS.superset}-${hash('sha256', text).slice(0, 8)}`, requirements)
}

/** Superset's own tables, its key and its admin's password, in a folder. */
export interface SupersetHome {
  folder: string
  env: NodeJS.ProcessEnv
  password: string
}

export function supersetHome({ env }: PythonTools, folder: string): SupersetHome {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const password = kept(join(folder, 'admin.password'))
  return {
    folder,
    password,
    env: {
      ...env,
      SUPERSET_HOME: folder,
      SUPERSET_CONFIG_PATH: join(OWN, 'superset_config.py'),
      SUPERSET_SECRET_KEY: kept(join(folder, 'secret.key')),
      FLOWGUARD_ADMIN_PASSWORD: password,
    },
  }
}

/** Made once, and for its owner alone. */
function kept(file: string): string {
  if (!existsSync(file)) writeFileSync(file, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 })
  return readFileSync(file, 'utf8').trim()
}

interface Own {
  script: string
  args?: readonly string[]
  /** An address, and maybe a password in it: others on the machine see arguments, so it is handed over by the environment, and shown nowhere. */
  database: string
}

async function own(python: string, { script, args = [], database }: Own, options: { cwd?: string; env: NodeJS.ProcessEnv }) {
  try {
    const env = { ...options.env, FLOWGUARD_DATABASE_URI: database }
    return await command(python, [join(OWN, script), FILES, ...args], { ...options, env, msMax: PREPARE_MS_MAX })
  } catch (error) {
    if (error instanceof EngineError) throw new EngineError(error.message.replaceAll(database, 'the database'))
    throw error
  }
}

/** Makes its tables and the admin, and imports the dashboards over the database, `duckdb:////folder/reports.duckdb`. With `ask.py` every chart answers as well. */
export function prepareSuperset(
  tools: PythonTools,
  home: SupersetHome,
  database: string,
  script: 'prepare.py' | 'ask.py' = 'prepare.py',
): Promise<string> {
  return own(tools.python, { script, database }, { cwd: home.folder, env: home.env })
}

/** The dashboards as Superset's own import takes them, by its pages or by `superset import-dashboards`, written without a Superset; the database is in it too, so it is for its owner alone. */
export async function zipDashboards(
  database: string,
  file: string,
  python = need('python3', 'Python 3, which writes the zip'),
): Promise<void> {
  await own(python, { script: 'contents.py', args: [file], database }, { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } })
}

/** The server, prepared before. */
export function supersetServer(folder: RunFolder, { python }: PythonTools, { env }: SupersetHome, port: number): Server {
  const address = `127.0.0.1:${port}`
  const gunicorn = ['-m', 'gunicorn', '--workers', '1', '--worker-class', 'gthread', '--threads', String(THREADS), '--timeout', '120']
  return serverOf(folder, {
    name: 'superset',
    program: python,
    args: [...gunicorn, '--bind', address, 'superset.app:create_app()'],
    env,
    ports: [port],
    async isReady() {
      const answer = await fetch(`http://${address}/health`, { signal: AbortSignal.timeout(ASK_MS_MAX) })
      return answer.ok
    },
    readyMsMax: READY_MS_MAX,
    stopMsMax: STOP_MS_MAX,
  })
}
