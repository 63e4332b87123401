import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifySchema, type HTTPMethods } from 'fastify'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { SCHEMAS_DESCRIBE } from './server.ts'

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

export interface DocsOptions {
  title: string
  description: string
  version: string
}

/** What the documentation says of a route. */
export interface DocumentedRoute {
  method: HTTPMethods
  url: string
  schema: FastifySchema
}

const HIDDEN = { schema: { hide: true } }

/** The pages and the document, as a server of their own that nobody listens to: the routes stand in it to be described, not to answer. */
export async function createDocs(
  routes: readonly DocumentedRoute[],
  { title, description, version }: DocsOptions,
): Promise<FastifyInstance> {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true }, schemaController: SCHEMAS_DESCRIBE })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title, description, version, license: { name: 'MIT', identifier: 'MIT' } },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'a write key; needed beyond this machine' } } },
      security: [{}, { key: [] }],
    },
  })
  for (const route of routes) if (!isHidden(route)) app.route({ ...route, handler: (_request, reply) => reply.send() })
  const bundle = (await readFile(REDOC, 'utf8')).replaceAll(REDOC_LOGO, NO_LOGO)
  const page = redocPage(title)
  app.get('/openapi.json', HIDDEN, (_request, reply) => reply.send(app.swagger()))
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
  await app.ready()
  return app
}

const isHidden = ({ schema }: DocumentedRoute) => (schema as { hide?: boolean }).hide === true

function redocPage(title: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>body { margin: 0 }</style></head>
<body><redoc spec-url="/openapi.json" disable-google-font="true"></redoc><script src="/redoc/redoc.js"></script></body>
</html>
`
}
