import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import { openSqliteDatabase } from '../database/adapters/sqlite.ts'
import { seed } from '../database/seed.ts'
import { silentLogger } from '../kernel/logging.ts'
import { createCatalog } from '../catalog/server.ts'
import { openTestGateway, settings } from '../gateway/gateway-fixture.ts'
import { serveDocs } from './docs.ts'

/** Addresses that a page would load by itself: sources, styles, fetches and workers, not links that somebody may follow. */
const LOADED = /(?:src|href)="(?:https?:)?\/\/[^"]+"|url\((?:https?:)?\/\/|@import|importScripts\(["']http|fonts\.googleapis|cdn\.redoc/g

async function assertDocs(app: FastifyInstance, paths: string[]) {
  const get = (url: string) => app.inject({ method: 'GET', url })
  const api = (await get('/openapi.json')).json() as { openapi: string; paths: Record<string, unknown> }
  assert.equal(api.openapi, '3.1.0')
  for (const path of paths) assert.ok(api.paths[path], path)
  for (const page of ['/docs', '/docs/', '/redoc', '/redoc/']) {
    const { statusCode, headers, body } = await get(page)
    assert.equal(statusCode, 200, page)
    assert.match(String(headers['content-type']), /^text\/html/)
    assert.match(body, /<title>FlowGuard /, page)
    assert.deepEqual(body.match(LOADED), null, page)
    const policy = String(headers['content-security-policy'])
    for (const rule of ["default-src 'self'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"])
      assert.ok(policy.includes(rule), rule)
    assert.ok(!/https?:|\*/.test(policy), policy)
    for (const [, source = ''] of body.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const address = new URL(source, `http://localhost${page}`).pathname
      assert.equal((await get(address)).statusCode, 200, address)
    }
  }
  const bundle = await get('/redoc/redoc.js')
  assert.ok(bundle.body.length > 500_000)
  assert.ok(!bundle.body.includes('cdn.redoc.ly'))
  assert.ok((await get('/docs/static/swagger-initializer.js')).body.includes('"url":"/openapi.json"'))
}

test("the gateway's documentation loads nothing from outside, and names every route of the contract", async () => {
  await using gateway = await openTestGateway()
  await assertDocs(gateway.app, [
    '/api/v1/orders',
    '/api/v1/clicks',
    '/api/v1/clicks/impression',
    '/events',
    '/api/v1/batch',
    '/api/v1/orders/{order_id}',
    '/api/v1/ads/metrics/{item_id}',
    '/api/v1/billing/ads/{ad_id}',
    '/api/v1/billing/advertisers',
    '/api/v1/billing/advertisers/{id}',
    '/metrics/summary',
    '/health',
  ])
  const { paths } = (await gateway.get('/openapi.json')).json() as {
    paths: Record<
      string,
      {
        post: {
          requestBody: { content: Record<string, { schema: { properties: object } }> }
          responses: Record<string, { content: object }>
        }
      }
    >
  }
  const { requestBody, responses } = paths['/api/v1/orders']?.post ?? {}
  assert.ok('item_id' in (requestBody?.content['application/json']?.schema.properties ?? {}))
  assert.deepEqual(Object.keys(responses?.['422']?.content ?? {}), ['application/problem+json'])
})

test('pages that could not be made are made when somebody asks again, and do not hold up the end', async () => {
  let failures = 1
  const options = {
    description: '',
    version: '0.0.0',
    get title() {
      if (failures-- > 0) throw new Error('too many open files')
      return 'FlowGuard'
    },
  }
  const app = Fastify()
  serveDocs(app, options)
  assert.equal((await app.inject({ url: '/openapi.json' })).statusCode, 500)
  assert.equal((await app.inject({ url: '/openapi.json' })).statusCode, 200)
  await app.close()
  failures = 1
  const other = Fastify()
  serveDocs(other, options)
  const asked = other.inject({ url: '/openapi.json' })
  await other.ready()
  await Promise.all([asked, other.close()])
})

test("the catalogue's documentation loads nothing from outside", async () => {
  await using database = openSqliteDatabase({ path: ':memory:', clock: Date.now })
  await seed(database, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE })
  const catalog = await createCatalog({
    database,
    clock: Date.now,
    logger: silentLogger,
    version: '0.0.0',
    environment: 'test',
    dataDir: '.',
    corsOrigins: [],
    rateLimit: 0,
  })
  await assertDocs(catalog.app, ['/api/foods', '/api/foods/{id}', '/api/foods/categories/list'])
  await catalog.close()
})
