import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Server } from './server.ts'

const ACTIONS = ['start', 'stop', 'kill'] as const

export interface Control extends AsyncDisposable {
  url: string
}

/**
 * For tests, which run in processes of their own: `POST /kafka-2/kill` (or `stop`, `start`) answers 204 once it is done; `GET /` gives each server's name, pid and log.
 * On this machine alone, and nothing but what this run started.
 */
export async function serveControl(servers: ReadonlyMap<string, Server>): Promise<Control> {
  const http = createServer((request, response) => {
    const [, name = '', action = ''] = (request.url ?? '').split('/')
    const server = servers.get(name)
    const done = ACTIONS.find((each) => each === action)
    if (request.method === 'GET' && name === '') {
      return response.end(JSON.stringify([...servers.values()].map(({ name: each, pid, log }) => ({ name: each, pid: pid ?? null, log }))))
    }
    if (request.method !== 'POST' || !server || !done) return response.writeHead(404).end(`no ${action} of ${name} here`)
    server[done]().then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    )
    return undefined
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((closed) => http.close(closed))
    },
  }
}
