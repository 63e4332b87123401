import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Compile, Food } from '@flowguard/contract'
import { openSqliteDatabase } from '../database/adapters/sqlite.ts'
import { seed } from '../database/seed.ts'
import { readSettings, ROOT } from '../kernel/config.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { createCatalog } from './server.ts'

const CATEGORIES = ['Beverages', 'Biryani', 'Burger', 'Desserts', 'North Indian', 'Pasta', 'Pizza', 'Snacks', 'South Indian']
const settings = readSettings({}, {}, ROOT)
const checkFood = Compile(Food)

async function open() {
  const database = openSqliteDatabase({ path: ':memory:', clock: Date.now })
  await seed(database, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE })
  const catalog = await createCatalog({
    database,
    clock: Date.now,
    logger: silentLogger,
    version: '0.0.0',
    environment: 'test',
    dataDir: '.',
    corsOrigins: ['http://localhost:3000'],
    rateLimit: 0,
  })
  return {
    ...catalog,
    database,
    get: (url: string) => catalog.app.inject({ method: 'GET', url, headers: { origin: 'http://localhost:3000' } }),
    async [Symbol.asyncDispose]() {
      await catalog.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

interface FoodList {
  total: number
  items: Food[]
}

test('all dishes, with numeric prices, and the categories sorted', async () => {
  await using catalog = await open()
  const response = await catalog.get('/api/foods')
  const { total, items } = response.json() as FoodList
  assert.deepEqual([total, items.length], [25, 25])
  for (const food of items) assert.ok(checkFood.Check(food), JSON.stringify(food))
  assert.equal(response.headers['access-control-allow-origin'], 'http://localhost:3000')
  assert.deepEqual((await catalog.get('/api/foods/categories/list')).json(), CATEGORIES)
  assert.deepEqual((await catalog.get('/api/foods/categories/list/')).json(), CATEGORIES)
})

test('dishes of a category, whatever its case, and those that can be had', async () => {
  await using catalog = await open()
  await catalog.database.replaceFoods((await catalog.database.foods()).map((food) => ({ ...food, is_available: food.food_id % 2 === 0 })))
  const list = async (query: string) => (await catalog.get(`/api/foods?${query}`)).json<FoodList>()
  const pizzas = await list('category=pizza')
  assert.ok(pizzas.total > 0 && pizzas.items.every(({ category }) => category === 'Pizza'))
  assert.equal((await list('category=Pizz')).total, 0)
  assert.equal((await list('available_only=false')).total, 25)
  const available = await list('available_only=true&category=')
  assert.ok(available.total > 0 && available.total < 25 && available.items.every(({ is_available }) => is_available))
})

test('one dish is bare; an unknown one is 404, what is no number 422', async () => {
  await using catalog = await open()
  const food = (await catalog.get('/api/foods/7')).json() as Food
  assert.deepEqual([food.food_id, food.price, food.category], [7, 219, 'Burger'])
  for (const [url, status] of [
    ['/api/foods/999', 404],
    ['/api/foods/seven', 422],
    ['/nope', 404],
  ] as const) {
    const response = await catalog.get(url)
    assert.deepEqual([response.statusCode, response.json().status], [status, status])
    assert.equal(response.headers['access-control-allow-origin'], 'http://localhost:3000', 'a page may read why')
  }
  assert.equal((await catalog.app.inject({ method: 'POST', url: '/api/foods' })).statusCode, 405)
})

test('health says whether the database answers; livez does not ask', async () => {
  await using catalog = await open()
  const { checks, services } = (await catalog.get('/health')).json()
  assert.deepEqual(services, { database: 'healthy', redis: 'healthy' })
  const stats = { messages_sent: 0, messages_delivered: 0, messages_failed: 0 }
  assert.deepEqual(checks.kafka, { status: 'healthy', connected: true, producer_stats: stats })
  assert.deepEqual((await catalog.get('/readyz')).json(), { status: 'ready', checks: { database: 'ok' } })
  catalog.database.foods = () => Promise.reject(new FlowGuardError('store_busy', 'held'))
  const unhealthy = await catalog.get('/health')
  assert.deepEqual([unhealthy.statusCode, unhealthy.json().services.redis], [503, 'unhealthy'])
  assert.deepEqual(unhealthy.json().checks.kafka, {
    status: 'unhealthy',
    connected: false,
    producer_stats: stats,
    detail: 'does not answer',
  })
  assert.equal((await catalog.get('/readyz')).statusCode, 503)
  assert.equal((await catalog.get('/api/foods')).statusCode, 503)
  assert.equal((await catalog.get('/livez')).statusCode, 200)
})

test('a taken port is said in words', async () => {
  await using catalog = await open()
  await using other = await open()
  const port = await catalog.listen({ host: '127.0.0.1', port: 0 })
  await assert.rejects(
    other.listen({ host: '127.0.0.1', port }),
    (error: Error) => hasCode(error, 'port_taken') && /food catalogue/.test(error.message),
  )
})
