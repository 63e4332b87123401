import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { EngineError, say } from './command.ts'
import { isAlive, kill, startOf } from './processes.ts'

const TEMPORARY = 'flowguard-engines-'
const PIDS = 'pids.json'

interface Pids {
  launcher: Known
  servers: Record<string, Known>
}

/** A pid alone may be another's by now. */
interface Known {
  pid: number
  startedAt: string
}

/** The folder of one run: data and logs of each engine, and which processes are its own, for the next start to end those of a launcher that was killed. */
export interface RunFolder extends Disposable {
  path(...names: string[]): string
  remember(server: string, pid: number): void
  forget(server: string): void
}

/** Throws where another launcher that still runs has the folder. */
export function openRunFolder(folder: string): RunFolder {
  // PostgreSQL runs as another user where this one is root, and must reach its folder.
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const file = join(folder, PIDS)
  const launcher = endLeft(folder)
  if (launcher !== undefined) throw new EngineError(`the engines in ${folder} are already running, by process ${launcher}`)
  const pids: Pids = { launcher: known(process.pid), servers: {} }
  const save = () => writeFileSync(file, `${JSON.stringify(pids, null, 2)}\n`)
  save()
  return {
    path(...names) {
      const path = join(folder, ...names)
      mkdirSync(dirname(path), { recursive: true })
      return path
    },
    remember(server, pid) {
      pids.servers[server] = known(pid)
      save()
    },
    forget(server) {
      delete pids.servers[server]
      save()
    },
    [Symbol.dispose]: () => rmSync(file, { force: true }),
  }
}

/** A folder that is removed at the end; those that earlier runs had to leave are cleared away. */
export function openTemporaryFolder(): RunFolder {
  for (const file of globSync(join(tmpdir(), `${TEMPORARY}*`, PIDS))) {
    const left = dirname(file)
    if (endLeft(left) === undefined) rmSync(left, { recursive: true, force: true })
  }
  const folder = mkdtempSync(join(tmpdir(), TEMPORARY))
  chmodSync(folder, 0o755)
  const run = openRunFolder(folder)
  return { ...run, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Ends what a launcher that is gone has left running in the folder; gives the pid of one that is not gone. */
function endLeft(folder: string): number | undefined {
  const pids = readPids(join(folder, PIDS))
  if (pids === undefined) return undefined
  if (isSame(pids.launcher)) return pids.launcher.pid
  for (const [name, server] of Object.entries(pids.servers)) {
    if (!isSame(server)) continue
    say(`${name} (pid ${server.pid}) was left running in ${folder} and is ended`)
    kill(server.pid)
  }
  return undefined
}

function readPids(file: string): Pids | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Pids
  } catch {
    return undefined
  }
}

function known(pid: number): Known {
  return { pid, startedAt: startOf(pid) }
}

function isSame({ pid, startedAt }: Known): boolean {
  return startedAt !== '' && isAlive(pid) && startOf(pid) === startedAt
}
