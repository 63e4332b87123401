import { spawn, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { operatorKeyIn } from '../../packages/pipeline/src/kernel/operator-key.ts'
import type { PROCESSES, Role } from '../../packages/pipeline/src/roles.ts'

const ROOT = join(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'packages/pipeline/src/main.ts')
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']
const READY_MS = 60_000

/** A role, or a process of `up`; behind a `#`, which of several of a role. */
export type ProcessName = RoleName | `${RoleName}#${number}`
type RoleName = Role | keyof typeof PROCESSES

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** The real processes on a data folder of their own, which a test may kill and start again. */
export interface Machine extends AsyncDisposable {
  dataDir: string
  gatewayUrl: string
  opsUrl: string
  env: NodeJS.ProcessEnv
  start(name: ProcessName, more?: NodeJS.ProcessEnv): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(name: ProcessName): Promise<void>
  /** SIGTERM; resolves when it has drained. */
  stop(name: ProcessName): Promise<void>
  /** Resolves when the process dies by itself. */
  died(name: ProcessName): Promise<void>
  isRunning(name: ProcessName): boolean
  cli(...args: string[]): Promise<Finished>
  /** What a request to the operations API that changes something is sent with. */
  operator(): { authorization: string }
}

/** Starts both processes, unless `idle`. */
export async function startMachine({ env: more = {}, idle = false }: { env?: NodeJS.ProcessEnv; idle?: boolean } = {}): Promise<Machine> {
  const dataDir = mkdtempSync(join(tmpdir(), 'flowguard-test-'))
  const [gatewayPort, catalogPort, opsPort, storePort] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DATA_DIR: dataDir,
    GATEWAY_PORT: String(gatewayPort),
    CATALOG_PORT: String(catalogPort),
    OPS_PORT: String(opsPort),
    STORE_PORT: String(storePort),
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compiled'),
    // As bin/bootstrap.mjs has it.
    UV_THREADPOOL_SIZE: '16',
    // The runner's own channel is not for the processes under test.
    NODE_TEST_CONTEXT: undefined,
    ...more,
  }
  const running = new Map<ProcessName, ChildProcess>()

  async function end(name: ProcessName, signal: NodeJS.Signals) {
    const child = running.get(name)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  const machine: Machine = {
    dataDir,
    env,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    opsUrl: `http://127.0.0.1:${opsPort}`,
    async start(name, extra = {}) {
      const child = fork(MAIN, ['run', name.replace(/#.*/, '')], {
        env: { ...env, ...extra },
        execArgv: NODE_FLAGS,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      running.set(name, child)
      const ready = once(child, 'message', { signal: AbortSignal.timeout(READY_MS) })
      const ended = once(child, 'exit')
      await Promise.race([ready, ended])
      ready.catch(() => undefined)
    },
    kill: (name) => end(name, 'SIGKILL'),
    stop: (name) => end(name, 'SIGTERM'),
    async died(name) {
      const child = running.get(name)
      if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
    isRunning(name) {
      const child = running.get(name)
      return child !== undefined && child.exitCode === null && child.signalCode === null
    },
    cli: (...args) => runCli(args, env),
    operator: () => ({ authorization: `Bearer ${operatorKeyIn(dataDir)}` }),
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.keys()].map((name) => end(name, 'SIGKILL')))
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  if (!idle) await Promise.all([machine.start('edge'), machine.start('pipeline')])
  return machine
}

/** Runs one command of the real command line. */
async function runCli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = [[] as Buffer[], [] as Buffer[]]
  child.stdout.on('data', (part: Buffer) => stdout.push(part))
  child.stderr.on('data', (part: Buffer) => stderr.push(part))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Asks again until the condition holds. Throws after the limit, saying what it waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
