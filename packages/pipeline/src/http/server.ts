import cors from '@fastify/cors'
import { BODY_BYTES_MAX } from '@flowguard/contract'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import { Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Logger } from '../kernel/logging.ts'
import { tracing } from '../kernel/telemetry.ts'
import { traceIdOf, traceparentOf } from '../kernel/trace-context.ts'
import { traceRequests } from './request-traces.ts'
import { faultOf, PROBLEM_TYPE, problemOf, sendProblem, STATUS_CODES, type Fault } from './problems.ts'

/** An id of 128 characters, each of up to 4 bytes, each byte written as %XX. */
const PARAM_CHARS_MAX = 128 * 4 * 3
const REQUEST_MS_MAX = 30_000
const DRAIN_MS = 500
const DRAIN_POLL_MS = 10

/**
 * The contract's schemas are for the documentation; admission checks bodies, without changing what it checks. Said at the beginning, so that Fastify does not
 * load the compilers that it comes with.
 */
export const SCHEMAS_DESCRIBE = {
  compilersFactory: { buildValidator: () => () => () => true, buildSerializer: () => () => (data: unknown) => JSON.stringify(data) },
  // Its type knows no validator but Ajv's.
} as unknown as NonNullable<FastifyServerOptions['schemaController']>

export interface HttpOptions {
  /** As messages name it: `events gateway`. */
  name: string
  logger: Logger
  corsOrigins: readonly string[]
  /** Requests a minute and client; 0 is no limit. */
  rateLimit: number
}

/** What both APIs share: limits, errors as problem+json, CORS, headers. Bodies reach the handlers as bytes. */
export async function createHttpServer({ name, logger, corsOrigins, rateLimit: perMinute }: HttpOptions): Promise<FastifyInstance> {
  const traced = tracing.now && traceRequests(tracing.now)
  const app = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    // While it closes, what is on its way is answered, and answered as always.
    return503OnClosing: false,
    genReqId: traced?.traceparent ?? ((request) => traceparentOf(request.headers['traceparent'] as string | undefined)),
    requestIdHeader: false,
    schemaController: SCHEMAS_DESCRIBE,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: PARAM_CHARS_MAX },
    frameworkErrors: (error, request, reply) => void sendProblem(request as FastifyRequest, reply as never, faultOf(error)),
    clientErrorHandler: (error, socket) => refuseMalformed(error, socket),
  })
  if (traced) app.addHook('onResponse', traced.end)
  app.removeAllContentTypeParsers()
  acceptBodies(app, /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i)
  app.setErrorHandler((error, request, reply) => {
    const fault = faultOf(error)
    if (fault.status === 500)
      logger.error({ err: error, trace_id: traceIdOf(request.id), route: request.routeOptions.url }, `${name}: ${request.method} failed`)
    return sendProblem(request, reply, fault)
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('x-content-type-options', 'nosniff')
    if (closing.has(app.server)) reply.header('connection', 'close')
    done()
  })
  await app.register(cors, {
    origin: [...corsOrigins],
    credentials: true,
    methods: ['GET', 'POST'],
    allowedHeaders: ['Content-Type', 'Authorization', 'Idempotency-Key', 'traceparent'],
    exposedHeaders: ['Retry-After'],
    strictPreflight: false,
  })
  // After CORS: a page is to see that there is no such route.
  refuseUnknownRoutes(app)
  if (perMinute > 0) await app.register(import('@fastify/rate-limit'), { max: perMinute, timeWindow: '1 minute' })
  return app
}

/** Bodies of this type reach the handlers of `app` as bytes. */
export function acceptBodies(app: FastifyInstance, type: RegExp): void {
  app.addContentTypeParser(type, { parseAs: 'buffer' }, (request, body, done) => {
    const encoding = request.headers['content-encoding']
    if (encoding === undefined || encoding === 'identity') done(null, body)
    else done(Object.assign(new Error('compressed'), { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', statusCode: 415 }))
  })
}

/** 404, or 405 with `Allow` where the path is known by another method; before any body is read. */
function refuseUnknownRoutes(app: FastifyInstance): void {
  const routes: { pattern: RegExp; methods: Set<string> }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return
    const source = url.replace(/\/$/, '').replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')
    const known = routes.find(({ pattern }) => pattern.source === new RegExp(`^${source}/?$`).source)
    const methods = known?.methods ?? new Set<string>()
    for (const each of [method].flat()) methods.add(each)
    if (!known) routes.push({ pattern: new RegExp(`^${source}/?$`), methods })
  })
  const refuse = (request: FastifyRequest): Fault => {
    const path = request.url.replace(/\?.*$/s, '')
    const allowed = routes.find(({ pattern }) => pattern.test(path))?.methods
    if (!allowed) return { status: 404, code: 'not_found', detail: 'there is no such route' }
    const allow = [...allowed].join(', ')
    return { status: 405, code: 'method_not_allowed', detail: `this route takes ${allow}`, headers: { allow } }
  }
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) sendProblem(request, reply, refuse(request))
    else done()
  })
  app.setNotFoundHandler((request, reply) => sendProblem(request, reply, refuse(request)))
}

/** What is no HTTP never becomes a request: it is answered on the bare connection. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400
  const body = JSON.stringify(
    problemOf({ status, code: 'bad_request', detail: 'not a valid HTTP request' }, traceIdOf(traceparentOf(undefined))),
  )
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

/**
 * Stops without losing a request: nobody new is let in, who is connected is answered as always and told to come back on another connection. One that
 * is silent for so long is closed: whoever wrote just then would have to send again.
 */
export async function drain(app: FastifyInstance): Promise<void> {
  if (app.server.listening) {
    closing.add(app.server)
    // http.Server's own would cut silent connections at once, and with them what their clients are about to say.
    Server.prototype.close.call(app.server)
    for (let waited = 0; waited < DRAIN_MS && (await connections(app)) > 0; waited += DRAIN_POLL_MS) await wait(DRAIN_POLL_MS)
    app.server.closeIdleConnections()
  }
  await app.close()
}

const closing = new WeakSet<object>()

function connections(app: FastifyInstance): Promise<number> {
  return new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)))
}

/** Listens, and says in words why it cannot. Resolves to the port, which the system chose where 0 was asked for. */
export async function listen(app: FastifyInstance, name: string, { host, port }: { host: string; port: number }): Promise<number> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new FlowGuardError('port_taken', `the port ${port} of the ${name} is taken on ${host}`, error)
    if (code === 'EACCES') throw new FlowGuardError('port_taken', `the ${name} may not listen on the port ${port} of ${host}`, error)
    throw new FlowGuardError('settings_invalid', `the ${name} cannot listen on ${host}:${port}: ${message}`, error)
  }
  return (app.server.address() as { port: number }).port
}
