import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openRedis } from '../../packages/pipeline/src/kernel/redis.ts'
import { freePort } from './machine.ts'

const READY_MS_MAX = 20_000
export const SAFE = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']

/** A Redis of the test's own, on a free port and in a folder of its own: it may be killed and started again. */
export async function ownRedis(settings: readonly string[] = SAFE) {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let server: ChildProcess | undefined

  const redis = {
    url,
    async start(): Promise<void> {
      const started = spawn('redis-server', ['--port', String(port), '--dir', folder, '--save', '', ...settings], { stdio: 'ignore' })
      server = started
      let failure: Error | undefined
      started.once('error', (error) => (failure = error))
      for (const deadline = performance.now() + READY_MS_MAX; ;) {
        if (failure) throw failure
        try {
          const client = await openRedis(url)
          // It may be reading its files still.
          await client.ping()
          client.disconnect()
          return
        } catch (error) {
          if (performance.now() > deadline) {
            await redis.kill()
            throw error
          }
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
    },
    async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
      const running = server
      server = undefined
      if (!running || running.exitCode !== null || running.signalCode !== null) return
      const closed = new Promise((resolve) => running.once('close', resolve))
      running.kill(signal)
      await closed
    },
    async [Symbol.asyncDispose]() {
      await redis.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await redis.start()
  return redis
}

/** Removes what a test has left on a server that others use too. */
export async function clearedRedis(url: string, prefix: string): Promise<void> {
  const redis = await openRedis(url)
  const names = await redis.keys(`${prefix}*`)
  if (names.length > 0) await redis.unlink(...names)
  redis.disconnect()
}
