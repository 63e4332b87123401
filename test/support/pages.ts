import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Machine } from './machine.ts'

const APPS = join(import.meta.dirname, '../../apps')

interface Pages extends AsyncDisposable {
  storeUrl: string
  consoleUrl: string
}

/** The console, which the machine's operations API serves, and the store before its gateway; each built where its sources are new. */
export async function openPages({ env, opsUrl }: Machine): Promise<Pages> {
  await step(start('console', env), 'end')
  const store = start('store', env)
  await step(store, 'listening')
  return {
    storeUrl: `http://127.0.0.1:${env['STORE_PORT']}`,
    consoleUrl: opsUrl,
    async [Symbol.asyncDispose]() {
      const ended = once(store, 'exit')
      store.kill('SIGKILL')
      await ended
    },
  }
}

function start(app: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [join(APPS, app, 'main.ts')], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Resolves when the app says this step, or with `end` has ended well. Rejects with all that it said where it ends otherwise. */
async function step(app: ChildProcess, wanted: 'listening' | 'end'): Promise<void> {
  const said: string[] = []
  const ended = once(app, 'close') as Promise<[number | null]>
  const reached = new Promise<void>((resolve) => {
    for (const stream of [app.stdout!, app.stderr!]) {
      createInterface(stream).on('line', (line) => {
        said.push(line)
        if (line.includes(`"step":"${wanted}"`)) resolve()
      })
    }
  })
  const [code] = (await Promise.race([reached.then(() => [0] as const), ended])) as readonly [number | null]
  if (code !== 0) throw new Error(`ended with ${code ?? 'a signal'}: ${said.join('\n')}`)
}
