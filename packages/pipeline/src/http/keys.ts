import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendProblem, type Fault } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a write key is needed here, where keys are needed at all. */
    needsKey?: boolean
  }
}

export interface KeyOptions {
  isRequired: boolean
  /** Whether a key with this SHA-256 (hex) exists and is not revoked. */
  hasKey: (hash: string) => boolean
}

/** Refuses with 401 what comes without a key where one is needed, and always what comes with a wrong one. */
export function requireKeys(app: FastifyInstance, { isRequired, hasKey }: KeyOptions): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.routeOptions.config.needsKey) return done()
    const key = keyOf(request)
    if (key === undefined && isRequired)
      return void sendProblem(request, reply, refusal('this needs a write key: Authorization: Bearer …, or ?key='))
    if (key !== undefined && !hasKey(hash('sha256', key)))
      return void sendProblem(request, reply, refusal('the write key is unknown or revoked'))
    done()
  })
}

function keyOf({ headers, query }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(.*)$/is.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer.trim()
  const { key } = query as { key?: string | string[] }
  return key === undefined ? undefined : String(key)
}

function refusal(detail: string): Fault {
  return { status: 401, code: 'unauthorized', detail, headers: { 'www-authenticate': 'Bearer realm="flowguard"' } }
}
