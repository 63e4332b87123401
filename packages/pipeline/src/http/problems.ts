import type { FieldError, Problem } from '@flowguard/contract'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { FlowGuardError, type ErrorCode } from '../kernel/errors.ts'
import { traceIdOf } from '../kernel/trace-context.ts'

/** What each status is called. Not imported: an import asks `node:http` for all its names, and one of those loads Node's own HTTP client, which no server needs. */
export const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Why a request or an event is refused. */
export interface Fault {
  status: number
  code: string
  detail: string
  errors?: FieldError[]
  headers?: Record<string, string>
}

export const PROBLEM_TYPE = 'application/problem+json'

/** Seconds after which a client should try again what failed for the time being. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  queue_full: 1,
  store_busy: 1,
  log_unavailable: 2,
  database_unavailable: 2,
  disk_full: 5,
  memory_full: 5,
  record_too_large: 5,
  counters_unavailable: 2,
  store_missing: 5,
}

/** Fastify's own refusals: https://fastify.dev/docs/latest/Reference/Errors/ */
const FASTIFY_CODES: Record<string, [number, string, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'the body is over 1 MiB'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'unsupported_media_type', 'the body must be application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'bad_request', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: [400, 'bad_url', 'the path is not a valid URL'],
}

export function problemOf({ status, code, detail, errors }: Fault, traceId: string): Problem {
  return {
    type: `urn:flowguard:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    trace_id: traceId,
    ...(errors && { errors }),
  }
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, fault: Fault): FastifyReply {
  if (fault.headers) reply.headers(fault.headers)
  return (
    reply
      .code(fault.status)
      .header('content-type', PROBLEM_TYPE)
      // Bytes, for to text of a JSON type Fastify would add a charset, which problem+json does not have.
      .send(Buffer.from(JSON.stringify(problemOf(fault, traceIdOf(request.id)))))
  )
}

/** What a client is told about an error. 500 is kept for our own bugs and for what only the operator can mend. */
export function faultOf(error: unknown): Fault {
  if (error instanceof FlowGuardError) {
    const seconds = RETRY_AFTER_SECONDS[error.code]
    if (seconds === undefined) return { status: 500, code: error.code, detail: 'the server cannot do this now; its log says why' }
    return { status: 503, code: error.code, detail: publicDetail(error), headers: { 'retry-after': String(seconds) } }
  }
  const { code, statusCode, message } = error as Partial<FastifyError>
  const known = code === undefined ? undefined : FASTIFY_CODES[code]
  if (known) return { status: known[0], code: known[1], detail: known[2] }
  if (statusCode === 429) return { status: 429, code: 'too_many_requests', detail: message ?? 'too many requests' }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { status: statusCode, code: 'bad_request', detail: message ?? 'bad request' }
  return { status: 500, code: 'internal_error', detail: 'something went wrong here; it has been logged' }
}

/** A path on the server is the operator's business: clients get the kind of trouble only. */
function publicDetail({ code, message }: FlowGuardError): string {
  switch (code) {
    case 'queue_full':
      return message
    case 'disk_full':
      return 'the disk is full: nothing was taken; try again later'
    case 'memory_full':
      return 'the store is full: nothing was taken; try again later'
    case 'store_missing':
      return 'there is nothing to answer from yet: the pipeline has not run'
    default:
      return 'the store cannot be used just now; sending again is safe'
  }
}
