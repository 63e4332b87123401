/** The real gateway, whose log and database keep nothing and answer at once: what the log costs is the difference to the real edge. */
import type { Ad, Food } from '@flowguard/contract'
import type { Database } from '../packages/pipeline/src/database/database.ts'
import { seed } from '../packages/pipeline/src/database/seed.ts'
import { createGateway } from '../packages/pipeline/src/gateway/server.ts'
import { readSettings, ROOT } from '../packages/pipeline/src/kernel/config.ts'
import { createLogger } from '../packages/pipeline/src/kernel/logging.ts'
import type { EventLog } from '../packages/pipeline/src/log/event-log.ts'
import { laneOf } from '../packages/pipeline/src/workers/lane-view.ts'
import { readTopics } from '../packages/pipeline/src/log/topics.ts'

const settings = readSettings({}, process.env, ROOT)
const topics = readTopics(settings.TOPICS_FILE)

const log: EventLog = {
  id: 'none',
  partitions: (topic) => topics[topic].partitions,
  append: (topic, records) => Promise.resolve(records.map((_, offset) => ({ topic, partition: 0, offset }))),
  read: () => Promise.resolve([]),
  ends: () => Promise.resolve([]),
  trim: () => Promise.resolve(0),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}

let foods: readonly Food[] = []
let ads: readonly Ad[] = []
const nothing = () => Promise.resolve()
const unasked = () => Promise.reject(new Error('the load does not ask for this'))

const database: Database = {
  prepareOrders: () => undefined,
  take: async (drafts) => drafts.map(({ orderId }) => ({ kind: 'accepted', orderId })),
  order: () => Promise.resolve(undefined),
  queueHeartbeats: nothing,
  outbox: () => Promise.resolve([]),
  shipped: nothing,
  outboxVersion: async () => '',
  foods: () => Promise.resolve(foods),
  food: unasked,
  ads: () => Promise.resolve(ads),
  replaceFoods: async (all) => void (foods = all),
  replaceAds: async (all) => void (ads = all),
  addKey: nothing,
  revokeKey: unasked,
  keys: () => Promise.resolve([]),
  hasKey: async () => false,
  [Symbol.asyncDispose]: nothing,
}

await seed(database, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE })
const gateway = await createGateway({
  log,
  timedLog: log,
  hasEventsLog: false,
  database,
  billing: { itemDay: unasked, adBill: unasked, advertisers: unasked, statement: unasked, lines: unasked, events: unasked },
  journeys: { of: unasked },
  notes: { notes: unasked },
  lane: () => Promise.resolve(laneOf([], undefined)),
  clock: Date.now,
  logger: createLogger('edge-without-log', settings, 'error'),
  version: 'bench',
  environment: settings.ENVIRONMENT,
  dataDir: settings.DATA_DIR,
  keyed: 'nothing',
  corsOrigins: settings.CORS_ORIGINS.split(','),
  rateLimit: 0,
})
await gateway.listen({ host: settings.HOST, port: Number(settings.GATEWAY_PORT) })
process.once('SIGTERM', () => void gateway.close())
process.send?.('ready')
