import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { readAlertRules } from '../alerts/rules-file.ts'
import { checkChannels } from '../notify/channels.ts'
import { ERASED_FILE, unfinishedIn } from '../erasure/erased-list.ts'
import { isLoopback, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { holderOf } from '../kernel/lock.ts'
import { guarded, openReadOnly } from '../kernel/sqlite.ts'
import { readTopics } from '../log/topics.ts'
import { FILES } from '../ops/stores.ts'
import { engineLooks, type EngineLook } from '../wiring/engine-states.ts'
import { keysNow } from '../wiring/keys-now.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { healthOfAll } from './health-check.ts'
import { bytes, duration } from './output.ts'
import { listenFault } from './ports.ts'

const NODE_MAJOR_MIN = 24
const MIB = 1024 * 1024
/** The gateway takes nothing with less than this (see its health). */
const DISK_FREE_BYTES_FAIL = 64 * MIB
const DISK_FREE_BYTES_WARN = 1024 * MIB
/** What edge and pipeline may grow to together, and a little. */
const MEMORY_BYTES_WARN = 900 * MIB
const CLOCK_SKEW_MS_MAX = 5_000
const DUCKDB_MARK = { at: 8, text: 'DUCK' }
const YEAR_2024_MS = Date.UTC(2024, 0, 1)
/** A store up to this size is checked whole; of a larger one, only that it opens. */
const CHECKED_BYTES_MAX = 64 * MIB

export interface Finding {
  name: string
  state: 'ok' | 'warn' | 'fail'
  detail: string
  /** How to mend it. */
  advice?: string
}

type Check = () => Finding | Finding[] | Promise<Finding | Finding[]>

/** What can be said of a machine whatever the settings. */
export function machineChecks(clock: () => number): Check[] {
  return [checkNode, checkMemory, () => checkClock(clock())]
}

export function settingsChecks(settings: Settings, clock: () => number): Check[] {
  return [
    () => checkFolder(settings.DATA_DIR, clock),
    () => checkDisk(settings.DATA_DIR),
    () => checkFiles(settings),
    () => checkLock(settings.DATA_DIR),
    () => checkStores(settings.DATA_DIR),
    () => checkWarehouse(settings),
    () => checkErased(settings.DATA_DIR),
    ...engineLooks(settings).map((engine) => () => checkEngine(engine)),
    () => checkKeys(settings),
    () => checkPorts(settings),
    () => checkStorePort(settings),
  ]
}

/** Runs checks one after the other; one that fails by itself is a finding too. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const check of checks) {
    try {
      findings.push(...[await check()].flat())
    } catch (error) {
      const advice = error instanceof FlowGuardError ? error.advice : 'Run it again with LOG_LEVEL=debug.'
      findings.push({ name: 'check', state: 'fail', detail: (error as Error).message, advice })
    }
  }
  return findings
}

/** Nothing to say where nobody was ever erased. */
function checkErased(folder: string): Finding[] {
  const asked = unfinishedIn(join(folder, ERASED_FILE))
  if (asked === undefined) return []
  const [first] = asked
  if (first === undefined) return [{ name: 'erased people', state: 'ok', detail: 'every erasure was finished' }]
  return [
    {
      name: 'erased people',
      state: 'warn',
      detail: `of ${asked.length} who were to be erased, the first at ${first}, not everything is gone`,
      advice: 'Stop FlowGuard, and run `npx flowguard erase --user ID --yes` for each of them again: it does what is left.',
    },
  ]
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0])
  const detail = `${process.versions.node} on ${process.platform} ${process.arch}, ${availableParallelism()} cores`
  if (major >= NODE_MAJOR_MIN) return { name: 'Node', state: 'ok', detail }
  return {
    name: 'Node',
    state: 'fail',
    detail,
    advice: `FlowGuard needs Node ${NODE_MAJOR_MIN}: start it with \`npx flowguard\`, which brings its own.`,
  }
}

function checkMemory(): Finding {
  const free = process.availableMemory()
  if (free >= MEMORY_BYTES_WARN) return { name: 'memory', state: 'ok', detail: `${bytes(free)} available` }
  return {
    name: 'memory',
    state: 'warn',
    detail: `${bytes(free)} available`,
    advice: `Under load FlowGuard may need up to ${bytes(MEMORY_BYTES_WARN)}.`,
  }
}

function checkClock(now: number): Finding {
  const detail = new Date(now).toISOString()
  if (now > YEAR_2024_MS) return { name: 'clock', state: 'ok', detail }
  return { name: 'clock', state: 'fail', detail, advice: 'Set the clock of this machine: events get their times from it.' }
}

function checkFolder(folder: string, clock: () => number): Finding {
  const probe = join(folder, `.doctor-${process.pid}`)
  const there = nearestThere(folder)
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(probe, '', { flush: true })
    const skewMs = statSync(probe).mtimeMs - clock()
    if (Math.abs(skewMs) <= CLOCK_SKEW_MS_MAX)
      return {
        name: 'data folder',
        state: 'ok',
        detail: `${folder} ${there === folder ? 'can be written' : 'does not exist yet, and can be made'}`,
      }
    const detail = `the disk’s clock is ${duration(skewMs)} ${skewMs > 0 ? 'ahead of' : 'behind'} this machine’s`
    return { name: 'data folder', state: 'warn', detail, advice: 'Let both take their time from the same source (NTP).' }
  } catch (error) {
    const advice = 'Give your user the right to write there, or choose another folder with --data-dir.'
    return { name: 'data folder', state: 'fail', detail: `${folder}: ${(error as Error).message}`, advice }
  } finally {
    if (existsSync(probe)) rmSync(probe)
    removeEmpty(folder, there)
  }
}

/** The folder, or the nearest above it that is there. */
function nearestThere(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestThere(dirname(folder))
}

/** What was made for the check, below `there`: whoever mistyped it is to find nothing. */
function removeEmpty(folder: string, there: string): void {
  try {
    for (let at = folder; at !== there; at = dirname(at)) rmdirSync(at)
  } catch {
    // Never made, or another process has put something there meanwhile.
  }
}

function checkDisk(folder: string): Finding[] {
  const there = nearestThere(folder)
  // A drive that is not there is a finding already.
  if (!existsSync(there)) return []
  const { bavail, bsize } = statfsSync(there)
  const free = bavail * bsize
  const detail = `${bytes(free)} free`
  const advice = 'Free some space on the disk that holds the data folder.'
  if (free < DISK_FREE_BYTES_FAIL) return [{ name: 'disk', state: 'fail', detail, advice }]
  return [free < DISK_FREE_BYTES_WARN ? { name: 'disk', state: 'warn', detail, advice } : { name: 'disk', state: 'ok', detail }]
}

function checkFiles({ TOPICS_FILE, ALERTS_FILE, FOODS_FILE, ADS_FILE }: Settings): Finding[] {
  const list = (file: string) => {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (!Array.isArray(parsed)) throw new TypeError('is no JSON array')
    return `${parsed.length} entries`
  }
  const files: [string, string, () => string][] = [
    ['topics', TOPICS_FILE, () => `${Object.keys(readTopics(TOPICS_FILE)).length} topics`],
    ['alerts', ALERTS_FILE, () => `${rulesIn(ALERTS_FILE)} rules`],
    ['dishes', FOODS_FILE, () => list(FOODS_FILE)],
    ['ads', ADS_FILE, () => list(ADS_FILE)],
  ]
  return files.map(([name, file, read]): Finding => {
    try {
      return { name, state: 'ok', detail: `${read()} in ${file}` }
    } catch (error) {
      const { message } = error as Error
      return {
        name,
        state: 'fail',
        detail: message.startsWith(`${file}: `) ? message : `${file}: ${message}`,
        advice: 'Mend the file, or put back the one that came with FlowGuard.',
      }
    }
  })
}

function rulesIn(file: string): number {
  const { fraud, anomalies, pipeline } = readAlertRules(file, checkChannels)
  return [fraud, anomalies?.rules ?? {}, pipeline].reduce((sum, rules) => sum + Object.keys(rules).length, 0)
}

function checkLock(folder: string): Finding {
  const pid = holderOf(folder)
  const detail = pid === undefined ? 'FlowGuard does not run on this data folder' : `FlowGuard runs on this data folder (process ${pid})`
  return { name: 'lock', state: 'ok', detail }
}

function checkStores(folder: string): Finding[] {
  return Object.values(FILES).map((file): Finding => {
    const path = join(folder, file)
    let size: number
    try {
      size = statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0)
    } catch {
      return { name: file, state: 'ok', detail: 'not made yet' }
    }
    try {
      const isWhole = checkStore(path, size <= CHECKED_BYTES_MAX)
      return {
        name: file,
        state: 'ok',
        detail: `${bytes(size)}, ${isWhole ? 'sound' : 'opens (too large to check whole here: `npx flowguard audit` reads all of it)'}`,
      }
    } catch (error) {
      const advice = error instanceof FlowGuardError ? error.advice : undefined
      return { name: file, state: 'fail', detail: (error as Error).message, ...(advice && { advice }) }
    }
  })
}

/** Only one process may open it: here it is looked at whether it is DuckDB's at all. On Snowflake it is an engine. */
function checkWarehouse({ DATA_DIR, WAREHOUSE_URL }: Settings): Finding[] {
  if (WAREHOUSE_URL !== 'duckdb:') return []
  const [name, path] = [WAREHOUSE.file, join(DATA_DIR, WAREHOUSE.file)]
  if (!existsSync(path)) return [{ name, state: 'ok', detail: 'not made yet' }]
  const head = Buffer.alloc(DUCKDB_MARK.at + DUCKDB_MARK.text.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  const size = bytes(statSync(path).size)
  if (head.toString('latin1', DUCKDB_MARK.at) === DUCKDB_MARK.text)
    return [{ name, state: 'ok', detail: `${size}, DuckDB’s (not read here: \`npx flowguard audit\` counts what is in it)` }]
  const { message, advice } = new FlowGuardError('warehouse_corrupt', `${path} is no file of DuckDB’s (${size})`)
  return [{ name, state: 'fail', detail: message, advice }]
}

/** Whether all of it was checked. Throws what is wrong with it. */
function checkStore(path: string, isChecked: boolean): boolean {
  const db = openReadOnly(path)
  try {
    if (!isChecked) return false
    const rows = guarded(path, () => db.prepare('pragma quick_check(1)').all()) as { quick_check: string }[]
    if (rows[0]?.quick_check !== 'ok') throw new FlowGuardError('store_corrupt', `${path} is damaged: ${rows[0]?.quick_check}`)
    return true
  } finally {
    db.close()
  }
}

/** What it is, and each thing that is wrong with it. */
async function checkEngine({ setting: name, at, look }: EngineLook): Promise<Finding[]> {
  try {
    const { detail, faults } = await look()
    return [
      { name, state: 'ok', detail: `${at}: ${detail}` },
      ...faults.map(({ isFatal, ...fault }): Finding => ({ name, state: isFatal ? 'fail' : 'warn', ...fault })),
    ]
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    return [{ name, state: 'fail', detail: `${at}: ${error.message}`, advice: error.advice }]
  }
}

async function checkKeys(settings: Settings): Promise<Finding> {
  const { HOST, WRITE_KEYS, PUBLIC_WRITE_KEY } = settings
  const name = 'write keys'
  const isNeeded = WRITE_KEYS === 'on' || (WRITE_KEYS === 'auto' && !isLoopback(HOST))
  const { valid, operators, ofPages } = await keysNow(settings)
  if (ofPages === 'all') {
    const advice = 'Set PUBLIC_WRITE_KEY to another: `npx flowguard keys add shop-pages --events-only`; and revoke the one that lay open.'
    return { name, state: 'fail', detail: 'PUBLIC_WRITE_KEY, which every visitor can read, may do everything', advice }
  }
  if (!isNeeded) {
    if (isLoopback(HOST)) return { name, state: 'ok', detail: 'not needed on this machine alone' }
    const detail = `anybody who reaches ${HOST} may write: WRITE_KEYS=off`
    return { name, state: 'warn', detail, advice: 'Set WRITE_KEYS=auto and make keys, unless that is meant.' }
  }
  if (operators === 0) {
    const detail = `needed to listen on ${HOST}, and there is none that may do more than send events`
    return { name, state: 'fail', detail, advice: 'Make one with `npx flowguard keys add NAME`.' }
  }
  if (ofPages) return { name, state: 'ok', detail: `${valid} valid` }
  const detail =
    PUBLIC_WRITE_KEY === ''
      ? `${valid} valid; the pages of the store have none, so that nobody can order`
      : `${valid} valid; PUBLIC_WRITE_KEY is none of them, so that nobody can order in the store`
  const advice = 'Where the store is to be open: `npx flowguard keys add shop-pages --events-only`, and set PUBLIC_WRITE_KEY to it.'
  return { name, state: 'warn', detail, advice }
}

/** Where `up` serves the shop. Without it all else goes on. */
async function checkStorePort({ HOST, STORE_PORT, DATA_DIR }: Settings): Promise<Finding> {
  const name = `port ${STORE_PORT}`
  const fault = await listenFault(HOST, Number(STORE_PORT))
  if (fault === undefined) return { name, state: 'ok', detail: 'free for the store' }
  if (fault === 'EADDRINUSE' && holderOf(DATA_DIR) !== undefined)
    return { name, state: 'ok', detail: 'taken: by the store, unless `up` said that it could not be opened' }
  const detail = fault === 'EADDRINUSE' ? 'taken, and FlowGuard does not run on this data folder' : `cannot be listened on (${fault})`
  return { name, state: 'warn', detail, advice: 'Stop what is there, or choose another port for the store with STORE_PORT.' }
}

const PORTS = { gateway: 'GATEWAY_PORT', catalogue: 'CATALOG_PORT', operations: 'OPS_PORT' } as const

/** Each port is free, or FlowGuard's own answers there. */
async function checkPorts(settings: Settings): Promise<Finding[]> {
  const services = await healthOfAll(settings)
  const findings: Finding[] = []
  for (const { service, url, status, detail } of services) {
    const setting = PORTS[service as keyof typeof PORTS]
    const port = Number(new URL(url).port)
    const taken = await listenFault(settings.HOST, Number(settings[setting]))
    const name = `port ${port}`
    if (taken === undefined) findings.push({ name, state: 'ok', detail: `free for the ${service}` })
    else if (taken !== 'EADDRINUSE') {
      findings.push({
        name,
        state: 'fail',
        detail: `${settings.HOST}:${port} cannot be listened on (${taken})`,
        advice: `Choose another HOST or ${setting}.`,
      })
    } else if (status === 'healthy') findings.push({ name, state: 'ok', detail: `FlowGuard’s ${service} answers, and is healthy` })
    else if (status === 'degraded')
      findings.push({
        name,
        state: 'warn',
        detail: `FlowGuard’s ${service} answers, and is degraded`,
        advice: 'See `npx flowguard health-check`.',
      })
    else {
      const advice = `If that is FlowGuard, see \`npx flowguard logs\`; else stop it, or choose another port with ${setting}.`
      findings.push({ name, state: 'fail', detail: `taken, and what is there is no healthy ${service}: ${detail}`, advice })
    }
  }
  return findings
}
