import { chownSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { command, program, userNamed, type User } from './command.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { LEAST } from './versions.ts'

const INITDB_MS_MAX = 60_000
const ASK_MS_MAX = 5_000
const READY_MS_MAX = 30_000
const STOP_MS_MAX = 20_000

/** Given as `-c name=value`, here and in compose.yaml. All others are PostgreSQL's own: it flushes each commit. */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = { max_connections: '200' }

/** How a new one is made, here and in compose.yaml: text is ordered by its code points, on every machine alike. */
export const INITDB_ARGS = ['--encoding=UTF8', '--locale=C.UTF-8'] as const

export const POSTGRES_USER = 'flowguard'

export interface PostgresTools {
  /** Of its programs. */
  bin: string
}

export async function installPostgres(): Promise<PostgresTools> {
  const postgres = await program('postgres', { packageName: 'postgresql', folders: ['/usr/lib/postgresql/*/bin'], least: LEAST.postgres })
  // Somebody may have linked this one alone to a folder of the PATH.
  return { bin: dirname(realpathSync(postgres)) }
}

/** Without a password: it listens on this machine alone. */
export async function startPostgres(folder: RunFolder, { bin }: PostgresTools, ports: Ports): Promise<Server[]> {
  // It refuses to run as root.
  const user = userNamed('postgres')
  const home = folder.path('postgres')
  mkdirSync(home, { recursive: true })
  if (user) chownSync(home, user.uid, user.gid)
  const data = join(home, 'data')
  await initialize(bin, data, user)
  const settings = Object.entries({ ...POSTGRES_SETTINGS, listen_addresses: '127.0.0.1', unix_socket_directories: '' })
  return [
    serverOf(folder, {
      name: 'postgres',
      program: join(bin, 'postgres'),
      args: ['-D', data, '-p', String(ports.postgres), ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      user,
      ports: [ports.postgres],
      isReady: async () => {
        const args = ['-h', '127.0.0.1', '-p', String(ports.postgres), '-U', POSTGRES_USER, '-d', 'postgres', '-Atc', 'select 1']
        return (await command(join(bin, 'psql'), args, { msMax: ASK_MS_MAX })).trim() === '1'
      },
      readyMsMax: READY_MS_MAX,
      // Does not wait for its clients to leave.
      stopSignal: 'SIGINT',
      stopMsMax: STOP_MS_MAX,
    }),
  ]
}

async function initialize(bin: string, data: string, user: User | undefined): Promise<void> {
  if (existsSync(data)) return
  const aside = `${data}.part`
  await rm(aside, { recursive: true, force: true })
  const args = ['-D', aside, '-A', 'trust', '-U', POSTGRES_USER, '--no-sync', ...INITDB_ARGS]
  await command(join(bin, 'initdb'), args, { cwd: dirname(data), msMax: INITDB_MS_MAX, user })
  await rename(aside, data)
}
