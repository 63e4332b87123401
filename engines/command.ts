import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, globSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const TAIL_CHARS = 6_000

/** What a person can do something about: shown without a stack. */
export class EngineError extends Error {
  override name = 'EngineError'
}

export function say(line: string): void {
  process.stderr.write(`engines: ${line}\n`)
}

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  msMax: number
  /** Runs as this user and group instead of the own. */
  user?: User | undefined
}

export interface User {
  uid: number
  gid: number
}

/** Runs a command to its end and gives its stdout. Throws with the end of what it printed where it fails. */
export function command(program: string, args: readonly string[], { cwd, env, msMax, user }: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, ...user, stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax, killSignal: 'SIGKILL' })
    const [stdout, all] = [[] as Buffer[], [] as Buffer[]]
    child.stdout.on('data', (chunk: Buffer) => void (stdout.push(chunk), all.push(chunk)))
    child.stderr.on('data', (chunk: Buffer) => all.push(chunk))
    child.once('error', (error) => reject(new EngineError(`${program} cannot be run: ${error.message}`)))
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(stdout).toString())
      const how = signal ? `was ended by ${signal} (it may take ${msMax / 1000} s)` : `failed with ${code}`
      reject(new EngineError(`${program} ${args.slice(0, 3).join(' ')} ${how}\n${Buffer.concat(all).toString().slice(-TAIL_CHARS).trim()}`))
    })
  })
}

/** The path of a program on the PATH, or in one of these folders (patterns), the last match first. */
export function find(program: string, ...folders: string[]): string | undefined {
  const places = [
    ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean),
    ...folders.flatMap((folder) => globSync(folder).toReversed()),
  ]
  return places.map((folder) => join(folder, program)).find(isProgram)
}

/** The same for what nobody installs here. */
export function need(program: string, what: string): string {
  const path = find(program)
  if (path === undefined) throw new EngineError(`${program} is missing on the PATH: install ${what}`)
  return path
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const APT_MS_MAX = 10 * 60_000
/** Nothing that a package brings is started: the launchers start what they need, on ports of their own. */
const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
const APT = ['install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300']

/** Debian packages, where the system is one and this is root; else the message says what to install. */
export async function installPackages(names: readonly string[]): Promise<void> {
  const isDebian = existsSync('/etc/debian_version') && find('apt-get') !== undefined
  if (!isDebian || process.getuid?.() !== 0) {
    const how = isDebian ? `run as root: apt-get install ${names.join(' ')}` : `install what Debian calls ${names.join(', ')}`
    throw new EngineError(`missing on this machine: ${names.join(', ')}; ${how}`)
  }
  say(`installing Debian packages: ${names.join(' ')}`)
  const options = { env: { ...process.env, ...APT_ENV }, msMax: APT_MS_MAX }
  try {
    await command('apt-get', [...APT, ...names], options)
  } catch {
    // The lists may be old, or none.
    await command('apt-get', ['update'], options)
    await command('apt-get', [...APT, ...names], options)
  }
}

export function isPackageInstalled(name: string): boolean {
  return globSync(`/var/lib/dpkg/info/${name}{,:*}.list`).length > 0
}

/** The path of a program of a Debian package, which is installed where it is missing; checked to be of the least version. */
export async function program(name: string, { packageName, folders = [], least }: ProgramOptions): Promise<string> {
  if (find(name, ...folders) === undefined) await installPackages([packageName])
  const path = find(name, ...folders)
  if (path === undefined) throw new EngineError(`${packageName} is installed and brought no ${name}`)
  if (least) await checkVersion(path, least)
  return path
}

interface ProgramOptions {
  packageName: string
  folders?: readonly string[]
  least?: readonly [number, number]
}

const VERSION_MS_MAX = 10_000

async function checkVersion(path: string, [major, minor]: readonly [number, number]): Promise<void> {
  const text = await command(path, ['--version'], { msMax: VERSION_MS_MAX })
  const found = /(\d+)\.(\d+)/.exec(text)
  const [foundMajor, foundMinor] = [Number(found?.[1]), Number(found?.[2])]
  if (foundMajor > major || (foundMajor === major && foundMinor >= minor)) return
  throw new EngineError(`${path} is ${found?.[0] ?? 'of an unknown version'}; ${major}.${minor} or newer is needed`)
}

/** The user of this name in /etc/passwd, or undefined where this is not root: only root may become somebody else. */
export function userNamed(name: string): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) throw new EngineError(`there is no user ${name} on this machine`)
  return { uid: Number(uid), gid: Number(gid) }
}
