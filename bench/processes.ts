import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { NODE_FLAGS } from '../packages/pipeline/src/roles.ts'
import { freePort } from '../test/support/machine.ts'
import { benchAds } from './events.ts'
import type { Job, Result, ToLoad } from './load.ts'
import type { FromProbe, ToProbe, Usage } from './probe.ts'

const MAIN = join(ROOT, 'packages/pipeline/src/main.ts')
const COMMAND = join(ROOT, 'packages/pipeline/bin/flowguard.mjs')
const PLAIN_FLAGS = ['--disable-warning=ExperimentalWarning']
const PROBE = pathToFileURL(join(import.meta.dirname, 'probe.ts')).href
const READY_MS = 60_000
const EXIT_INTERRUPTED = 130

/** A process under measurement. */
export interface Measured {
  port: number
  usage(): Promise<Usage>
  /** Where its time goes while `work` runs. */
  profiled(work: () => Promise<unknown>): Promise<{ profile: Profiler.Profile; cpu: number }>
  /** SIGTERM; resolves once it has drained. */
  stop(): Promise<void>
}

export interface Load {
  run(job: Job): Promise<Result>
  /** Has a closed loop wait, or go on. */
  hold(isHeld: boolean): void
}

/** All that one run starts, on a data folder of its own; both are gone when it ends, however it ends. */
export interface Bench extends AsyncDisposable {
  folder: string
  dataDir: string
  load: Load
  startRole(role: string): Promise<Measured>
  startFile(name: 'edge-without-log.ts' | 'bare-http.ts'): Promise<Measured>
  /** Runs `flowguard up` on a data folder until it is ready, then stops it. */
  startUp(dataDir: string): Promise<Start>
}

/** Seconds until ready, and what of them each process took: the command until it starts the others, and these from then on. */
export interface Start {
  seconds: number
  command: number
  edge: number
  pipeline: number
}

/** Where it is interrupted, what it runs on is closed too: the process ends then. */
export async function openBench(closeMore: () => Promise<void> = async () => undefined): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-bench-'))
  const adsFile = join(folder, 'ads.json')
  writeFileSync(adsFile, JSON.stringify(benchAds()))
  const children = new Set<ChildProcess>()
  const watched = (child: ChildProcess) => {
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
  const environment = async (dataDir: string): Promise<NodeJS.ProcessEnv> => {
    const [gateway, catalog, ops, store] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
    const ports = { GATEWAY_PORT: String(gateway), CATALOG_PORT: String(catalog), OPS_PORT: String(ops), STORE_PORT: String(store) }
    return { ...process.env, ...ports, DATA_DIR: dataDir, ADS_FILE: adsFile, NO_COLOR: '1', GATEWAY_URL: '', OPS_URL: '' }
  }
  async function end() {
    await Promise.all(
      [...children].map(async (child) => {
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
      }),
    )
    // What they have started goes when they are gone, and may write until then.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(
      signal,
      () =>
        void end()
          .then(closeMore)
          .finally(() => process.exit(EXIT_INTERRUPTED)),
    )
  }
  const dataDir = join(folder, 'data')
  const start = async (entry: string, args: readonly string[]) => {
    const env = await environment(dataDir)
    const child = watched(
      fork(entry, [...args], {
        env,
        execArgv: [...NODE_FLAGS, '--import', PROBE],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    )
    await told(child, `${args.join(' ') || entry} is not ready`, (message) => message === 'ready' || undefined)
    return measured(child, Number(env['GATEWAY_PORT']))
  }
  const loadChild = watched(fork(join(import.meta.dirname, 'load.ts'), [], { execArgv: [...PLAIN_FLAGS] }))

  return {
    folder,
    dataDir,
    load: loadIn(loadChild),
    startRole: (role) => start(MAIN, ['run', role]),
    startFile: (name) => start(join(import.meta.dirname, name), []),
    startUp: async (upDir) => startUp(watched, upDir, await environment(upDir)),
    [Symbol.asyncDispose]: end,
  }
}

async function startUp(watched: (child: ChildProcess) => ChildProcess, dataDir: string, env: NodeJS.ProcessEnv): Promise<Start> {
  const startedAt = performance.now()
  const startedClock = Date.now()
  const child = watched(
    spawn(process.execPath, [...PLAIN_FLAGS, COMMAND, 'up', '--no-store', '--data-dir', dataDir], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  )
  const ended = once(child, 'exit')
  let said = ''
  const isReady = new Promise<void>((resolve) => {
    child.stderr?.on('data', (part: Buffer) => {
      said += part.toString()
      if (said.includes('is running')) resolve()
    })
  })
  await Promise.race([
    isReady,
    ended.then(() => {
      throw new Error(`flowguard up ended before it was ready: ${said}`)
    }),
  ])
  const seconds = (performance.now() - startedAt) / 1_000
  const answer = await fetch(`http://127.0.0.1:${env['GATEWAY_PORT']}/readyz`)
  if (!answer.ok) throw new Error(`flowguard up said that it is running, and /readyz answers ${answer.status}`)
  child.kill('SIGTERM')
  await ended
  const started = lastLine(dataDir, 'up', 'started')
  const readyAfter = (name: string) => (lastLine(dataDir, name, 'ready') - started) / 1_000
  return { seconds, command: (started - startedClock) / 1_000, edge: readyAfter('edge'), pipeline: readyAfter('pipeline') }
}

/** When a process last said this in its log, ms. */
function lastLine(dataDir: string, name: string, message: string): number {
  const lines = readFileSync(join(dataDir, 'logs', `${name}.log`), 'utf8')
    .trim()
    .split('\n')
  const line = lines.map((text) => JSON.parse(text) as { time: string; msg: string }).findLast(({ msg }) => msg === message)
  return line ? Date.parse(line.time) : Number.NaN
}

function measured(child: ChildProcess, port: number): Measured {
  const ask = async <K extends string>(probe: ToProbe['probe'], key: K): Promise<Extract<FromProbe, Record<K, unknown>>> => {
    child.send({ probe } satisfies ToProbe)
    return told(child, `the probe does not answer ${probe}`, (message) =>
      typeof message === 'object' && message !== null && key in message ? (message as Extract<FromProbe, Record<K, unknown>>) : undefined,
    )
  }
  return {
    port,
    usage: async () => (await ask('usage', 'usage')).usage,
    async profiled(work) {
      await ask('profile', 'profiling')
      await work()
      return ask('profiled', 'profile')
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    },
  }
}

function loadIn(child: ChildProcess): Load {
  return {
    async run(job) {
      child.send({ job } satisfies ToLoad)
      const budgetMs = job.warmUpMs + job.durationMs + READY_MS
      const answer = await told(child, 'the load does not end', (message) => message as { result: Result } | { error: string }, budgetMs)
      if ('error' in answer) throw new Error(`load: ${answer.error}`)
      return answer.result
    },
    hold: (isHeld) => void child.send({ hold: isHeld } satisfies ToLoad),
  }
}

/** The first message that `wanted` makes something of. Rejects when the process ends first, or after the limit. */
function told<T>(child: ChildProcess, trouble: string, wanted: (message: unknown) => T | undefined, limitMs = READY_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void) => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      finish()
    }
    const onMessage = (message: unknown) => {
      const found = wanted(message)
      if (found !== undefined) end(() => resolve(found))
    }
    const onExit = (code: number | null) => end(() => reject(new Error(`${trouble}: it ended with code ${code}`)))
    const timer = setTimeout(() => end(() => reject(new Error(`${trouble} within ${limitMs} ms`))), limitMs)
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}
