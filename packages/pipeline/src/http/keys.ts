import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { sendProblem, type Fault } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a write key is needed here, where keys are needed at all. */
    needsKey?: boolean
    /** Whether it takes events: a key that may do no more will do, and so will `?key=`, for beacons, which cannot set headers. */
    takesEvents?: boolean
    /** A POST that changes nothing: a question too long for an address. */
    onlyReads?: boolean
  }
}

/** What needs a key: everything, only what changes something, or nothing. */
export type Keyed = 'everything' | 'changes' | 'nothing'

export interface KeyOptions {
  keyed: Keyed
  /** Whether a key with this SHA-256 (hex) exists, is not revoked, and may do that. */
  hasKey: (hash: string, use: 'all' | 'events') => Promise<boolean>
}

const WRITES = 'this needs a write key: Authorization: Bearer …'
const CHANGES =
  'this changes something, and needs the operator’s key: the text of operator.key in the data folder, as Authorization: Bearer …'
const REFUSALS = {
  events: 'the write key is unknown or revoked',
  all: 'the write key is unknown, revoked, or may only send events',
} as const

/** Refuses with 401 what comes without a valid key where keys are required; elsewhere a client's own token is none of ours. */
export function requireKeys(app: FastifyInstance, { keyed, hasKey }: KeyOptions): void {
  if (keyed === 'nothing') return
  app.addHook('onRequest', async (request, reply) => {
    const { needsKey, onlyReads } = request.routeOptions.config
    const isChange = request.method === 'POST' && !onlyReads
    if (!needsKey || (keyed === 'changes' && !isChange)) return undefined
    const key = keyOf(request)
    if (key === undefined) return sendProblem(request, reply, refusal(isChange && keyed === 'changes' ? CHANGES : WRITES))
    const use = request.routeOptions.config.takesEvents ? 'events' : 'all'
    return (await hasKey(hash('sha256', key), use)) ? undefined : sendProblem(request, reply, refusal(REFUSALS[use]))
  })
}

function keyOf({ headers, query, routeOptions }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(.*)$/is.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer.trim()
  if (!routeOptions.config.takesEvents) return undefined
  const { key } = query as { key?: string | string[] }
  return key === undefined ? undefined : String(key)
}

function refusal(detail: string): Fault {
  return { status: 401, code: 'unauthorized', detail, headers: { 'www-authenticate': 'Bearer realm="flowguard"' } }
}
