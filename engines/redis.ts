import { once } from 'node:events'
import { connect } from 'node:net'
import { program } from './command.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { LEAST } from './versions.ts'

const ASK_MS_MAX = 3_000
const READY_MS_MAX = 30_000
const STOP_MS_MAX = 10_000

/** Given as `--name value`, here and in compose.yaml: what was answered survives a crash, and nothing is thrown out for want of room. */
export const REDIS_SETTINGS: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  appendfsync: 'always',
  'maxmemory-policy': 'noeviction',
  databases: '64',
}

export interface RedisTools {
  server: string
}

export async function installRedis(): Promise<RedisTools> {
  return { server: await program('redis-server', { packageName: 'redis-server', least: LEAST.redis }) }
}

export function startRedis(folder: RunFolder, { server }: RedisTools, ports: Ports): Server[] {
  const settings = { ...REDIS_SETTINGS, bind: '127.0.0.1', port: String(ports.redis), dir: folder.path('redis') }
  return [
    serverOf(folder, {
      name: 'redis',
      program: server,
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      ports: [ports.redis],
      // While it reads its file it answers LOADING.
      isReady: async () => (await ask(ports.redis, 'PING\r\n')) === '+PONG\r\n',
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    }),
  ]
}

async function ask(port: number, question: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(ASK_MS_MAX, () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'connect')
    socket.write(question)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.toString()
  } finally {
    socket.destroy()
  }
}
