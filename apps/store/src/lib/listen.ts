import type { Server } from 'node:http'

const PORT_MAX = 65_535

/** What STORE_PORT says; throws where it is no port. */
export function portOf(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port
  throw new Error(`STORE_PORT must be a port from 0 to ${PORT_MAX}, not ${text.slice(0, 80)}`)
}

/** Resolves once the server listens; rejects with what the operator can do about it. */
export function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(new Error(`port ${port} on ${host} is taken: stop what listens there, or choose another with STORE_PORT`, { cause: error }))
    })
    server.listen(port, host, resolve)
  })
}
