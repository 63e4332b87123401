// Brings node_modules in step with package-lock.json, once, and one process at a time. Old syntax, as bootstrap.mjs.
import { spawn } from 'child_process'
import { createHash } from 'crypto'
import fs from 'fs'
import os from 'os'
import path from 'path'
import { isatty } from 'tty'
import { fileURLToPath } from 'url'

const LOCK_POLL_MS = 200
const LOCK_BEAT_MS = 2000
const LOCK_STALE_MS = 30000
const LOCK_WAIT_MS_MAX = 900000
const DISK_FREE_BYTES_MIN = 20000000
const EXIT_INSTALL = 1

const root = path.resolve(path.dirname(fs.realpathSync(fileURLToPath(import.meta.url))), '..', '..', '..')
export const nodeModules = path.join(root, 'node_modules')
const stampFile = path.join(nodeModules, '.flowguard-stamp')
const lockDir = path.join(root, '.install-lock')

/** Ends the start with a message for people. */
export class Stop extends Error {
  constructor(exitCode, message) {
    super(message)
    this.exitCode = exitCode
  }
}

export function say(message) {
  process.stderr.write(`flowguard: ${message}\n`)
}

export async function installWhenNeeded() {
  if (!isInstalled()) await install()
}

function lockText() {
  try {
    return fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')
  } catch (error) {
    throw new Stop(EXIT_INSTALL, `package-lock.json cannot be read in ${root} (${error.code}). Is the checkout complete?`)
  }
}

/** The platform is part of it: a folder shared between machines holds the binaries of only one. */
function stampOf(text) {
  const hash = createHash('sha256').update(text).digest('hex')
  return `${hash} ${process.platform}-${process.arch} ${isProduction() ? 'production' : 'all'}\n`
}

function isProduction() {
  return process.env.NODE_ENV === 'production'
}

function isInstalled() {
  const text = lockText()
  const stamp = stampOf(text)
  const written = readOr(stampFile, undefined)
  if (written === stamp) return true
  // Somebody may have installed by hand: npm keeps a record of what it put there. A stamp of another platform is not ours to trust.
  if (written !== undefined && written.split(' ')[1] !== stamp.split(' ')[1]) return false
  if (!recordMatches(text)) return false
  writeStamp(stamp)
  return true
}

function recordMatches(text) {
  const record = readOr(path.join(nodeModules, '.package-lock.json'), undefined)
  if (record === undefined) return false
  try {
    const wanted = JSON.parse(text).packages
    const have = JSON.parse(record).packages
    return Object.keys(wanted).every((key) => {
      if (!key.includes('node_modules/')) return true
      const want = wanted[key]
      const got = have[key]
      if (got === undefined) return Boolean(want.optional || (want.dev && isProduction()))
      return got.version === want.version && got.integrity === want.integrity && fs.existsSync(path.join(root, key))
    })
  } catch {
    return false
  }
}

function readOr(file, otherwise) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}

function writeStamp(stamp) {
  try {
    fs.writeFileSync(stampFile, stamp)
  } catch {
    // A read-only installation works as well: it is compared in full each time.
  }
}

async function install() {
  const release = await takeLock()
  try {
    if (isInstalled()) return
    const text = lockText()
    say('installing what package-lock.json asks for. This happens once and takes about a minute.')
    const startedAt = Date.now()
    // npm ci empties node_modules first, which Windows refuses while the Node that runs this lies in it.
    const verb = process.platform === 'win32' && isInside(process.execPath, nodeModules) ? 'install' : 'ci'
    // Out of the lock, which goes, for npm tells people to look there.
    const logs = path.join(os.tmpdir(), `flowguard-install-${process.pid}`)
    const code = await npm([verb, '--no-audit', '--no-fund', '--loglevel=error', `--logs-dir=${logs}`])
    if (code !== 0) throw new Stop(EXIT_INSTALL, whyInstallFailed(verb, code, logs))
    fs.rmSync(logs, { recursive: true, force: true })
    writeStamp(stampOf(text))
    say(`installed in ${Math.round((Date.now() - startedAt) / 1000)} s.`)
  } finally {
    release()
  }
}

/** Works as well when both see it free: mkdir succeeds for one of them. The holder touches it, so that a dead one is noticed. */
async function takeLock() {
  const giveUpAt = Date.now() + LOCK_WAIT_MS_MAX
  let told = false
  for (;;) {
    try {
      fs.mkdirSync(lockDir)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw new Stop(EXIT_INSTALL, cannotWrite(error))
    }
    const holder = Number(readOr(path.join(lockDir, 'pid'), '0'))
    if (isStale(holder)) {
      const aside = `${lockDir}-${process.pid}-${Date.now()}`
      try {
        fs.renameSync(lockDir, aside)
        fs.rmSync(aside, { recursive: true, force: true })
      } catch (error) {
        if (error.code !== 'ENOENT') throw new Stop(EXIT_INSTALL, cannotWrite(error))
      }
      continue
    }
    if (Date.now() > giveUpAt)
      throw new Stop(EXIT_INSTALL, `another install (pid ${holder}) does not end. If it is gone, remove ${lockDir} and run this again.`)
    if (!told) say(`waiting for another install (pid ${holder}) to end.`)
    told = true
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS))
  }
  try {
    fs.writeFileSync(path.join(lockDir, 'pid'), String(process.pid))
  } catch (error) {
    fs.rmSync(lockDir, { recursive: true, force: true })
    throw new Stop(EXIT_INSTALL, cannotWrite(error))
  }
  const beat = setInterval(() => {
    try {
      const now = new Date()
      fs.utimesSync(lockDir, now, now)
    } catch {
      // Gone with the folder: npm will say more.
    }
  }, LOCK_BEAT_MS)
  return () => {
    clearInterval(beat)
    fs.rmSync(lockDir, { recursive: true, force: true })
  }
}

function isStale(holder) {
  try {
    if (Date.now() - fs.statSync(lockDir).mtimeMs > LOCK_STALE_MS) return true
  } catch {
    return false
  }
  if (holder === 0) return false
  try {
    process.kill(holder, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function cannotWrite(error) {
  if (error.code === 'ENOSPC') return `the disk that holds ${root} is full. Free about 500 MB and run this again.`
  return `the folder ${root} cannot be written (${error.code}), and packages have to be installed in it. Give yourself the right to write there, or clone elsewhere.`
}

function whyInstallFailed(verb, code, logs) {
  const text = fs.existsSync(logs)
    ? fs
        .readdirSync(logs)
        .map((name) => readOr(path.join(logs, name), ''))
        .join('\n')
    : ''
  const found = /^\d+ error (?:code|errno) (E[A-Z_0-9]+)/m.exec(text)
  const reason = found ? found[1] : ''
  if (reason === 'ENOSPC' || isFull()) return cannotWrite({ code: 'ENOSPC' })
  if (['EACCES', 'EPERM', 'EROFS'].includes(reason)) return cannotWrite({ code: reason })
  if (
    [
      'ENOTFOUND',
      'EAI_AGAIN',
      'ECONNREFUSED',
      'ECONNRESET',
      'ETIMEDOUT',
      'ENETUNREACH',
      'EHOSTUNREACH',
      'EIDLETIMEOUT',
      'ERR_SOCKET_TIMEOUT',
    ].includes(reason)
  ) {
    return `the package registry could not be reached (${reason}). The first start needs a network: check it, and the proxy and registry settings of npm, and run this again.`
  }
  if (reason === 'EUSAGE')
    return 'package-lock.json does not go with package.json. After a change to package.json run "npm install", and commit both.'
  return `npm ${verb} failed with ${reason || `exit code ${code}`}; what it said is above. Run this again once that is settled.`
}

function isFull() {
  try {
    const stat = fs.statfsSync(root)
    return stat.bavail * stat.bsize < DISK_FREE_BYTES_MIN
  } catch {
    return false
  }
}

function isInside(file, folder) {
  const relative = path.relative(folder, file)
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative)
}

/** Resolves to npm's exit code, and rejects when it was interrupted. Its progress and messages go to stderr: stdout belongs to the script that runs afterwards. */
export function npm(args) {
  const { file, before, shell } = findNpm()
  return new Promise((resolve, reject) => {
    const child = spawn(file, before.concat(args.map((arg) => (shell ? `"${arg}"` : arg))), {
      cwd: root,
      stdio: ['ignore', 2, 2],
      shell,
      windowsHide: true,
    })
    const signals = passSignals(child)
    child.on('error', (error) =>
      reject(new Stop(EXIT_INSTALL, `npm could not be started (${error.code}). It comes with Node: install both from https://nodejs.org.`)),
    )
    child.on('exit', (code, signal) => {
      signals.off()
      if (signal || signals.got())
        reject(new Stop(exitCodeOf(code, signal || signals.got()), 'the install was interrupted; the next start does it again.'))
      else resolve(code)
    })
  })
}

/** npm's own script run by a Node is the surest way: no shell, no npm.cmd. Other package managers set npm_execpath too. */
function findNpm() {
  const named = process.env.npm_execpath || ''
  const beside = path.dirname(process.env.npm_node_execpath || process.execPath)
  const candidates = [
    /^npm-cli\.c?js$/.test(path.basename(named)) ? named : '',
    path.basename(named) === 'npx-cli.js' ? path.join(path.dirname(named), 'npm-cli.js') : '',
    path.join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    path.join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ]
  const script = candidates.find((candidate) => candidate !== '' && fs.existsSync(candidate))
  if (script === undefined)
    return { file: process.platform === 'win32' ? 'npm.cmd' : 'npm', before: [], shell: process.platform === 'win32' }
  // Not a Node out of node_modules, which npm is about to replace.
  const own = process.env.npm_node_execpath
  const usable = own && !isInside(own, nodeModules) && fs.existsSync(own)
  return { file: usable ? own : process.execPath, before: [script], shell: false }
}

/** Ctrl-C reaches the child from the terminal; a second one would mean "at once" to it, so it is passed on only where there is no terminal. */
export function passSignals(child) {
  let got
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd))
  const onInterrupt = () => {
    got = 'SIGINT'
    if (!hasTerminal) child.kill('SIGINT')
  }
  const onTerminate = () => {
    got = 'SIGTERM'
    child.kill('SIGTERM')
  }
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  return {
    got: () => got,
    off() {
      process.removeListener('SIGINT', onInterrupt)
      process.removeListener('SIGTERM', onTerminate)
    },
  }
}

export function exitCodeOf(code, signal) {
  if (signal) return 128 + (os.constants.signals[signal] || 1)
  return code === null ? 1 : code
}
