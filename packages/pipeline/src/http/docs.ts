import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { Problem } from '@flowguard/contract'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { TSchema } from 'typebox'
import { PROBLEM_TYPE } from './problems.ts'

/** The documentation pages style themselves inline; nothing may come from outside, and nothing may be framed. */
const POLICY = {
  'default-src': ["'self'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'", 'data:'],
  'worker-src': ["'self'", 'blob:'],
  'connect-src': ["'self'"],
  'object-src': ["'none'"],
  'base-uri': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
}

const REDOC = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js')
/** The one thing that the bundle would fetch from elsewhere: its maker's logo, in a corner of the page. */
const REDOC_LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg'
const NO_LOGO = 'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E'

const HIDDEN = { schema: { hide: true } }

export interface DocsOptions {
  title: string
  description: string
  version: string
}

/** `/openapi.json`, `/docs` and `/redoc`, from the schemas of the routes that are added after it; nothing is loaded from outside. */
export async function serveDocs(app: FastifyInstance, { title, description, version }: DocsOptions): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version, license: { name: 'MIT', identifier: 'MIT' } },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'a write key; needed beyond this machine' } } },
      security: [{}, { key: [] }],
    },
  })
  const bundle = (await readFile(REDOC, 'utf8')).replaceAll(REDOC_LOGO, NO_LOGO)
  const page = redocPage(title)
  app.get('/openapi.json', HIDDEN, (_request, reply) => reply.send(app.swagger()))
  // Only pages need these headers; to work them out for every event answered would cost more than to check it.
  await app.register(async (pages) => {
    await pages.register(helmet, { contentSecurityPolicy: { useDefaults: false, directives: POLICY }, strictTransportSecurity: false })
    await pages.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: { url: '/openapi.json', validatorUrl: null, docExpansion: 'list' },
      // The bar on top is another product's, and asks for an address.
      theme: { title, css: [{ filename: 'flowguard.css', content: '.swagger-ui .topbar { display: none }' }] },
    })
    pages.get('/redoc', HIDDEN, (_request, reply) => reply.type('text/html; charset=utf-8').send(page))
    pages.get('/redoc/redoc.js', HIDDEN, (_request, reply) =>
      reply.type('text/javascript; charset=utf-8').header('cache-control', 'public, max-age=3600').send(bundle),
    )
  })
}

function redocPage(title: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>body { margin: 0 }</style></head>
<body><redoc spec-url="/openapi.json" disable-google-font="true"></redoc><script src="/redoc/redoc.js"></script></body>
</html>
`
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
