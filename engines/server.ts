import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EngineError, type User } from './command.ts'
import { listening } from './ports.ts'
import { childrenOf, isAlive } from './processes.ts'
import type { RunFolder } from './run-folder.ts'

const POLL_MS = 50
const LOG_TAIL_CHARS = 4_000
const KILL_MS_MAX = 10_000

export interface ServerOptions {
  /** Of the process: `kafka-2`, `postgres`. */
  name: string
  program: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  user?: User | undefined
  /** That it listens on: nobody else may, or another's answer would pass for its own. */
  ports: readonly number[]
  /** Asks the server itself whether it takes requests. Whatever it throws is a no. */
  isReady: () => Promise<boolean>
  readyMsMax: number
  /** How it is asked to end; SIGTERM where left out. */
  stopSignal?: NodeJS.Signals
  stopMsMax: number
}

/** One process of an engine, that may be killed and started again on the same data. */
export interface Server {
  readonly name: string
  readonly pid: number | undefined
  readonly log: string
  /** Resolves once it answers. Throws with the end of its log where it does not. */
  start(): Promise<void>
  /** Lets it end in order; one that does not is killed. Resolves when it is gone. */
  stop(): Promise<void>
  /** SIGKILL. Resolves when it is gone, and all that it had started. */
  kill(): Promise<void>
}

export function serverOf(folder: RunFolder, options: ServerOptions): Server {
  const { name } = options
  const log = folder.path(name, 'log')
  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()

  function launch(): ChildProcess {
    mkdirSync(dirname(log), { recursive: true })
    const file = openSync(log, 'a')
    // A group of its own: Ctrl-C is the launcher's to hear, which stops the engines in order.
    const started = spawn(options.program, options.args, {
      cwd: folder.path(name),
      env: options.env ?? process.env,
      ...options.user,
      stdio: ['ignore', file, file],
      detached: true,
    })
    closeSync(file)
    child = started
    ended = new Promise<void>((resolve) => {
      started.once('error', () => resolve())
      started.once('exit', () => resolve())
    }).then(() => {
      if (child === started) child = undefined
      folder.forget(name)
    })
    if (started.pid !== undefined) folder.remember(name, started.pid)
    return started
  }

  async function end(signal: NodeJS.Signals, msMax: number): Promise<void> {
    const running = child
    if (running?.pid === undefined) return
    const { pid } = running
    const others = childrenOf(pid)
    running.kill(signal)
    if (!(await within(ended, msMax))) {
      running.kill('SIGKILL')
      if (!(await within(ended, KILL_MS_MAX))) throw new EngineError(`${name} (pid ${pid}) cannot be ended`)
    }
    // PostgreSQL's own processes end by themselves once its first is gone; until then it cannot be started again.
    const deadline = performance.now() + KILL_MS_MAX
    while (others.some(isAlive) && performance.now() < deadline) await pause()
  }

  return {
    name,
    log,
    get pid() {
      return child?.pid
    },
    async start() {
      if (child) return
      await needFree(name, options.ports)
      const from = sizeOf(log)
      const started = launch()
      const deadline = performance.now() + options.readyMsMax
      while (child === started) {
        const refusal = await refusalOf(options.isReady)
        if (refusal === undefined) return
        if (performance.now() > deadline) {
          await end('SIGKILL', KILL_MS_MAX)
          throw new EngineError(`${name} did not answer within ${options.readyMsMax / 1000} s: ${refusal}\n${tailOf(log, from)}`)
        }
        await pause()
      }
      throw new EngineError(`${name} ended while it was starting\n${tailOf(log, from)}`)
    },
    stop: () => end(options.stopSignal ?? 'SIGTERM', options.stopMsMax),
    kill: () => end('SIGKILL', KILL_MS_MAX),
  }
}

async function needFree(name: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const held = await listening(port)
    if (held === undefined) throw new EngineError(`${name} cannot start: something else listens on 127.0.0.1:${port}`)
    await new Promise((closed) => held.close(closed))
  }
}

/** Why it does not take requests yet, or undefined where it does. */
async function refusalOf(isReady: () => Promise<boolean>): Promise<string | undefined> {
  try {
    return (await isReady()) ? undefined : 'it answers something else'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Whether the promise was kept in time. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  const timer = Promise.withResolvers<boolean>()
  const handle = setTimeout(() => timer.resolve(false), ms)
  const isKept = await Promise.race([promise.then(() => true), timer.promise])
  clearTimeout(handle)
  return isKept
}

function pause(): Promise<void> {
  return new Promise((wake) => setTimeout(wake, POLL_MS))
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function tailOf(file: string, from: number): string {
  const text = readFileSync(file).subarray(from).toString().trim().slice(-LOG_TAIL_CHARS)
  return text === '' ? `it wrote nothing to ${file}` : `the end of ${file}:\n${text}`
}
