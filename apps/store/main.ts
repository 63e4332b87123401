import { AsyncLocalStorage } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fingerprint, say, secondsSince } from '../build.ts'
import { listenOn, portOf } from './src/lib/listen.ts'
import { RESPONSE } from './src/lib/response.ts'

// The store as a process: builds itself where its sources changed, then serves. One JSON line on stdout says each step.

const FOLDER = import.meta.dirname
/** A build for each state of the sources: a new one never takes the files from under a store that is running. */
const BUILDS = '.build'
const BUILDS_KEPT = 2
const DONE = 'done'
const BUILD_MS_MAX = 10 * 60_000
const SOURCES = ['src', 'next.config.ts', 'postcss.config.mjs', 'package.json', '../../packages/tracker/src', '../../package-lock.json']
const DRAIN_MS_MAX = 5_000

/** Makes the build where it is missing. Sets what `next.config.ts` reads to find it. */
async function build(): Promise<void> {
  const name = (await fingerprint(FOLDER, SOURCES)).slice(0, 16)
  process.env.STORE_BUILD = join(BUILDS, name)
  const done = join(FOLDER, BUILDS, name, DONE)
  if (existsSync(done)) return
  say({ step: 'building' })
  const started = performance.now()
  const next = createRequire(import.meta.url).resolve('next/dist/bin/next')
  const child = spawn(process.execPath, [next, 'build'], {
    cwd: FOLDER,
    env: { ...process.env, NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: BUILD_MS_MAX,
  })
  const stopChild = () => void child.kill()
  process.once('SIGTERM', stopChild).once('SIGINT', stopChild).once('disconnect', stopChild)
  child.stdout.pipe(process.stderr)
  child.stderr.pipe(process.stderr)
  const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  process.off('SIGTERM', stopChild).off('SIGINT', stopChild).off('disconnect', stopChild)
  if (code !== 0) throw new Error(code === null ? 'the build was stopped' : `the build ended with ${code}`)
  await writeFile(done, '')
  await prune(name)
  say({ step: 'built', seconds: secondsSince(started) })
}

function isReadable(url: string): boolean {
  try {
    decodeURIComponent(url)
    return true
  } catch {
    return false
  }
}

/** The last one may still be served by another store of this checkout. */
async function prune(current: string): Promise<void> {
  const names = (await readdir(join(FOLDER, BUILDS))).filter((name) => name !== current)
  const aged = await Promise.all(names.map(async (name) => ({ name, madeMs: (await stat(join(FOLDER, BUILDS, name))).mtimeMs })))
  for (const { name } of aged.toSorted((a, b) => b.madeMs - a.madeMs).slice(BUILDS_KEPT - 1)) {
    await rm(join(FOLDER, BUILDS, name), { recursive: true, force: true })
  }
}

async function serve(host: string, port: number): Promise<void> {
  // The settings name files from the store's folder.
  process.chdir(FOLDER)
  Object.assign(process.env, { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' })
  const { default: next } = await import('next')
  const app = next({ dev: false, dir: FOLDER, hostname: host, port })
  await app.prepare()
  const handle = app.getRequestHandler()
  const responses = new AsyncLocalStorage<ServerResponse>()
  Object.assign(globalThis, { [RESPONSE]: responses })
  const server = createServer((request, response) => {
    // The framework calls it an error of its own.
    if (!isReadable(request.url ?? '/')) return void response.writeHead(400, { 'content-type': 'text/plain' }).end('Bad address')
    void responses.run(response, () => handle(request, response))
  })
  await listenOn(server, host, port)
  say({ step: 'listening' })
  await new Promise<void>((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve).once('disconnect', resolve))
  const hurry = setTimeout(() => server.closeAllConnections(), DRAIN_MS_MAX)
  await new Promise((resolve) => {
    server.close(resolve)
    server.closeIdleConnections()
  })
  clearTimeout(hurry)
  await app.close()
}

const { values } = parseArgs({ options: { 'build-only': { type: 'boolean', default: false } } })
try {
  // Before the build: that takes its time.
  const port = portOf(process.env.STORE_PORT || '3000')
  await build()
  if (!values['build-only']) await serve(process.env.HOST || '127.0.0.1', port)
  process.exit(0)
} catch (error) {
  say({ step: 'failed', detail: error instanceof Error ? error.message : String(error) })
  process.exit(1)
}
