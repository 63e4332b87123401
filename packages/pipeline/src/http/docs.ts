import { Problem, type TSchema } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import type { DocsOptions, DocumentedRoute } from './docs-pages.ts'
import { PROBLEM_TYPE } from './problems.ts'

const HIDDEN = { schema: { hide: true } }
const PATHS = ['/openapi.json', '/docs', '/docs/*', '/redoc', '/redoc/redoc.js']

/** `/openapi.json`, `/docs` and `/redoc`, from the schemas of the routes that are added after it; made when somebody asks, since no start should wait for them. */
export function serveDocs(app: FastifyInstance, options: DocsOptions): void {
  const routes: DocumentedRoute[] = []
  app.addHook('onRoute', ({ method, url, schema = {} }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push({ method: each, url, schema })
  })
  let opening: Promise<FastifyInstance> | undefined
  async function open(): Promise<FastifyInstance> {
    const { createDocs } = await import('./docs-pages.ts')
    return createDocs(routes, options)
  }
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    opening ??= open().catch((error: unknown) => {
      // Not for ever: whoever asks again has it tried again.
      opening = undefined
      throw error
    })
    const pages = await opening
    const { statusCode, headers, rawPayload } = await pages.inject({
      method: request.method as 'GET',
      url: request.url,
      headers: request.headers,
    })
    return reply.code(statusCode).headers(headers).send(rawPayload)
  }
  for (const path of PATHS) app.get(path, HIDDEN, answer)
  app.addHook('onClose', async () => (await opening?.catch(() => undefined))?.close())
}

const PROBLEMS: Record<number, string> = {
  400: 'Malformed JSON, or nested over 32 levels',
  401: 'The write key is missing or wrong',
  404: 'There is no such thing',
  409: 'The id is known with another content',
  413: 'Over 1 MiB, over 500 events, or an event over 32 KiB',
  415: 'Not JSON',
  422: 'Does not fit the schema',
  429: 'Too many requests: see Retry-After',
  503: 'Cannot be taken just now: see Retry-After',
}

/** The `response` of a route's schema: what it answers, and the problems that it may answer instead. */
export function answers(
  answer: { status: number; schema: TSchema; description: string },
  problems: readonly number[],
): FastifySchema['response'] {
  const problem = (status: number) => ({ description: PROBLEMS[status] as string, content: { [PROBLEM_TYPE]: { schema: Problem } } })
  return {
    [answer.status]: { description: answer.description, content: { 'application/json': { schema: answer.schema } } },
    ...Object.fromEntries(problems.map((status) => [status, problem(status)])),
  }
}
