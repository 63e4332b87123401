import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import Fastify from 'fastify'
import { healthRoutes } from '../http/health.ts'
import { serveConsole } from './console.ts'
import { temporaryFolder } from './fixture.ts'

const folder = temporaryFolder()
const dir = join(folder.path, 'dist')
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const app = Fastify()

before(async () => {
  const page = await serveConsole(app, dir)
  const described = {
    service: 'flowguard-ops',
    version: '1',
    environment: 'test',
    clock: () => 0,
    links: {},
    checks: {},
    shown: {},
    services: {},
  }
  healthRoutes(app, { ...described, page })
})
after(async () => {
  await app.close()
  folder[Symbol.dispose]()
})

function build() {
  mkdirSync(join(dir, 'assets'), { recursive: true })
  writeFileSync(join(dir, 'index.html'), '<!doctype html><title>console</title>')
  writeFileSync(join(dir, 'assets/index-abc.js'), 'console.log(1)')
  writeFileSync(join(dir, 'assets/index-abc.js.gz'), gzipSync('console.log(1)'))
  writeFileSync(join(folder.path, 'secret.txt'), 'secret')
}

test('before it is built, a browser is told how to; once it is, it is there without a restart', async () => {
  rmSync(dir, { recursive: true, force: true })
  const before = await app.inject({ url: '/', headers: HTML })
  assert.equal(before.statusCode, 503)
  assert.match(before.body, /npm run build -w @flowguard\/console/)
  build()
  const built = await app.inject({ url: '/', headers: HTML })
  assert.equal(built.statusCode, 200)
  assert.match(built.body, /<title>console/)
})

test('the root is the page to a browser, and JSON to everybody else', async () => {
  build()
  for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }]) {
    const answer = await app.inject({ url: '/', headers })
    assert.equal(answer.json<{ service: string }>().service, 'flowguard-ops')
    assert.match(String(answer.headers['vary']), /accept/)
  }
  assert.match((await app.inject({ url: '/', headers: HTML })).body, /doctype/)
})

test('an address within the console is answered with its page; another one as well, to people, and as not found', async () => {
  build()
  for (const url of [
    '/topics?topic=raw.clicks.v1',
    '/trace?id=x',
    '/dead',
    '/journeys',
    '/groups',
    '/audit',
    '/business',
    '/billing',
    '/alerts',
    '/etl',
  ])
    assert.match((await app.inject({ url, headers: HTML })).body, /<title>console/, url)
  const lost = await app.inject({ url: '/nowhere', headers: HTML })
  assert.equal(lost.statusCode, 404)
  assert.match(lost.body, /<title>console/)
  for (const [url, headers] of [
    ['/nowhere', {}],
    ['/api/nowhere', HTML],
    ['/assets/nowhere.js', HTML],
  ] as const) {
    const refused = await app.inject({ url, headers })
    assert.equal(refused.statusCode, 404, url)
    assert.doesNotMatch(refused.body, /<title>/, url)
  }
})

test('the page is asked for anew each time, what it names never again; nothing inline and nothing from elsewhere is allowed', async () => {
  build()
  const page = await app.inject({ url: '/', headers: HTML })
  assert.equal(page.headers['cache-control'], 'no-cache')
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/)
  assert.doesNotMatch(policy, /unsafe|https?:/)
  const script = await app.inject({ url: '/assets/index-abc.js', headers: { 'accept-encoding': 'gzip' } })
  assert.equal(script.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(script.headers['content-encoding'], 'gzip')
  assert.match(String(script.headers['content-type']), /javascript/)
})

test('nothing beside the built files is given out', async () => {
  build()
  for (const url of [
    '/assets/../../secret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/assets/nothing.js',
    '/assets/',
  ])
    assert.ok((await app.inject({ url })).statusCode >= 400, url)
})
