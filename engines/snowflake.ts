import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { installed } from './cache.ts'
import { command, need } from './command.ts'
import type { Ports } from './ports.ts'
import { installPython, type PythonTools } from './python.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { VERSIONS } from './versions.ts'

const READY_MS_MAX = 60_000
const STOP_MS_MAX = 10_000
const ASK_MS_MAX = 3_000
const INSTALL_MS_MAX = 10 * 60_000
const KEY_BITS = 2_048

/** Its server, made fit for Snowflake's driver for Node: what it can, and cannot, is said there. */
const SERVER = join(import.meta.dirname, 'snowflake/server.py')

const SNOWFLAKE_DRIVER = 'snowflake-sdk'

/** Of the stand-in, which listens on this machine alone: no secret of anybody. As server.py has them. */
export const SNOWFLAKE_USER = { account: 'fakesnow', name: 'FLOWGUARD', password: 'flowguard-on-this-machine', role: 'FLOWGUARD' } as const

/** fakesnow: Snowflake's SQL, run by DuckDB. It proves what is said and in which order, not Snowflake itself. */
export function installSnowflake(): Promise<PythonTools> {
  return installPython('fakesnow', VERSIONS.fakesnow, [`fakesnow[server]==${VERSIONS.fakesnow}`, 'snowflake-connector-python<4'])
}

/** A folder whose `node_modules` has Snowflake's driver: 186 packages, 118 MB, and so no dependency of who does without. */
export async function installSnowflakeDriver(): Promise<string> {
  return installed(`snowflake-driver-${VERSIONS.snowflakeDriver}`, async (aside) => {
    try {
      writeFileSync(join(aside, 'package.json'), '{"private":true}\n')
      const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--save-exact']
      await command(need('npm', 'npm'), [...args, `${SNOWFLAKE_DRIVER}@${VERSIONS.snowflakeDriver}`], { cwd: aside, msMax: INSTALL_MS_MAX })
    } finally {
      await rm(join(aside, 'node_modules/.cache'), { recursive: true, force: true })
    }
  })
}

/** Where the user's private key lies. */
export const snowflakeKey = (folder: Pick<RunFolder, 'path'>): string => folder.path('snowflake', 'rsa_key.p8')

/** What it holds are files: killed, it has what was committed when it is started again; sessions are gone. */
export function startSnowflake(folder: RunFolder, { python, env }: PythonTools, ports: Ports): Server[] {
  const key = snowflakeKey(folder)
  mkdirSync(folder.path('snowflake'), { recursive: true })
  if (!existsSync(key)) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: KEY_BITS,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    writeFileSync(folder.path('snowflake', 'rsa_key.pub'), publicKey)
    writeFileSync(key, privateKey, { mode: 0o600 })
  }
  return [
    serverOf(folder, {
      name: 'snowflake',
      program: python,
      args: [SERVER, String(ports.snowflake), folder.path('snowflake')],
      env,
      ports: [ports.snowflake],
      isReady: async () => {
        const url = `http://127.0.0.1:${ports.snowflake}/session/heartbeat`
        const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(ASK_MS_MAX) })
        return ((await answer.json()) as { code?: string }).code === '390103'
      },
      // What is committed is in its files: no statement that runs on is waited for.
      stopSignal: 'SIGKILL',
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    }),
  ]
}
