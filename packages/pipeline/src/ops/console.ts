import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Pages of the console: each is answered with the same document, which then shows what its address says. */
const PAGES = ['/trace', '/journeys', '/topics', '/dead', '/groups', '/audit', '/business', '/billing', '/alerts', '/etl']
const HIDDEN = { schema: { hide: true } }
const YEAR_MS = 365 * 24 * 3_600_000

/** Nothing from elsewhere, nothing inline, and no text that becomes a page: what a customer wrote stays text, whatever it says. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const PROTECTED = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>FlowGuard console: not built</title></head>
<body><main><h1>The console is not built yet</h1>
<p>In the checkout: <code>npm run build -w @flowguard/console</code>. Then load this page again; nothing needs a restart.</p>
<p>The API behind it answers already: <a href="/docs">its documentation</a>.</p></main></body>
</html>
`

const isForPeople = ({ url, headers: { accept } }: FastifyRequest) => !/^\/(api|assets)\//.test(url) && accept?.includes('text/html')

/** The built console in `dir`, looked for at each request: it may be built while this runs. Answers with its document, for `/`. */
export async function serveConsole(app: FastifyInstance, dir: string) {
  await app.register(fastifyStatic, { root: dir, serve: false, suppressWarning: true, preCompressed: true, dotfiles: 'deny' })

  async function page(_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // A page names its files by their content: it is asked for anew, they never are.
    reply.headers({ ...PROTECTED, vary: 'accept, accept-encoding', 'cache-control': 'no-cache' })
    if (existsSync(join(dir, 'index.html'))) return reply.sendFile('index.html', { cacheControl: false })
    return reply.code(503).type('text/html; charset=utf-8').send(NOT_BUILT)
  }

  for (const path of PAGES) app.get(path, HIDDEN, page)
  app.get('/assets/*', HIDDEN, (request, reply) => {
    reply.headers(PROTECTED)
    return reply.sendFile(`assets/${(request.params as { '*': string })['*']}`, { maxAge: YEAR_MS, immutable: true })
  })
  // Whoever mistyped an address is shown a way back; everybody else is told as always.
  app.get('/*', HIDDEN, (request, reply) => (isForPeople(request) ? page(request, reply.code(404)) : reply.callNotFound()))
  app.get('/favicon.svg', HIDDEN, (_request, reply) => reply.headers(PROTECTED).sendFile('favicon.svg', { maxAge: 24 * 3_600_000 }))
  return page
}
