import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import Fastify from 'fastify'
import { FlowGuardError } from '../kernel/errors.ts'
import { requireKeys, type Keyed } from './keys.ts'

const ROUTES = ['GET /open', 'GET /read', 'POST /event', 'POST /question', 'POST /change'] as const
type Route = (typeof ROUTES)[number]

async function statuses(keyed: Keyed, key: string | undefined, inAddress = false): Promise<Record<Route, number>> {
  const app = Fastify()
  const known = new Map([
    [hash('sha256', 'all of it'), ['all', 'events']],
    [hash('sha256', 'events'), ['events']],
  ])
  requireKeys(app, { keyed, hasKey: async (sha256, use) => known.get(sha256)?.includes(use) ?? false })
  app.get('/open', async () => '')
  app.get('/read', { config: { needsKey: true } }, async () => '')
  app.post('/event', { config: { needsKey: true, takesEvents: true } }, async () => '')
  app.post('/question', { config: { needsKey: true, onlyReads: true } }, async () => '')
  app.post('/change', { config: { needsKey: true } }, async () => '')
  const entries = ROUTES.map(async (route) => {
    const [method, path = ''] = route.split(' ')
    const url = key !== undefined && inAddress ? `${path}?key=${encodeURIComponent(key)}` : path
    const headers = key !== undefined && !inAddress ? { authorization: `Bearer ${key}` } : {}
    return [route, (await app.inject({ method: method as 'GET', url, headers })).statusCode] as const
  })
  const found = Object.fromEntries(await Promise.all(entries)) as Record<Route, number>
  await app.close()
  return found
}

const open = (...routes: Route[]) => Object.fromEntries(ROUTES.map((route) => [route, routes.includes(route) ? 200 : 401]))

test('where everything needs a key, each key opens what it may do, and no other', async () => {
  assert.deepEqual(await statuses('everything', undefined), open('GET /open'))
  assert.deepEqual(await statuses('everything', 'unknown'), open('GET /open'))
  assert.deepEqual(await statuses('everything', 'events'), open('GET /open', 'POST /event'))
  assert.deepEqual(await statuses('everything', 'all of it'), open(...ROUTES))
})

test('where changes need one, reading is open, a question too long for an address as well', async () => {
  const reading = open('GET /open', 'GET /read', 'POST /question')
  assert.deepEqual(await statuses('changes', undefined), reading)
  assert.deepEqual(await statuses('changes', 'events'), { ...reading, 'POST /event': 200 })
  assert.deepEqual(await statuses('changes', 'all of it'), open(...ROUTES))
  assert.deepEqual(await statuses('nothing', undefined), open(...ROUTES))
})

test('a key in the address is for events alone', async () => {
  assert.deepEqual(await statuses('everything', 'all of it', true), open('GET /open', 'POST /event'))
})

test('a store that cannot be asked for keys lets nobody in, and refuses no key', async () => {
  const app = Fastify()
  const down = new FlowGuardError('database_unavailable', 'down')
  requireKeys(app, { keyed: 'everything', hasKey: () => Promise.reject(down) })
  let failure: unknown
  app.setErrorHandler((error, _request, reply) => {
    failure = error
    return reply.code(503).send('')
  })
  app.get('/read', { config: { needsKey: true } }, async () => 'in')
  assert.equal((await app.inject({ url: '/read', headers: { authorization: 'Bearer all of it' } })).statusCode, 503)
  assert.equal(failure, down)
  await app.close()
})
