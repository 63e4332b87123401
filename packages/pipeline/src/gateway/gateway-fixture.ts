import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Topic } from '@flowguard/contract'
import type { InjectOptions } from 'fastify'
import type { BillingView } from '../billing/billing-view.ts'
import { openSqliteDatabase } from '../database/adapters/sqlite.ts'
import { seed } from '../database/seed.ts'
import { readSettings, ROOT } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { openSqliteLog } from '../log/adapters/sqlite.ts'
import type { LogRecord } from '../log/event-log.ts'
import { readTopics } from '../log/topics.ts'
import { laneOf } from '../workers/lane-view.ts'
import { createGateway, type GatewayDeps } from './server.ts'

export const settings = readSettings({}, {}, ROOT)

/** As before the pipeline has run for the first time. */
const noBilling: BillingView = {
  itemDay: async () => notYet(),
  adBill: async () => notYet(),
  advertisers: async () => notYet(),
  statement: async () => notYet(),
  lines: async () => notYet(),
  events: async () => notYet(),
}

function notYet(): never {
  throw new FlowGuardError('store_missing', 'pipeline.db is not there')
}

/** A gateway over real stores in a folder of its own, which goes with it. */
export async function openTestGateway(overrides: Partial<GatewayDeps> = {}, folder = mkdtempSync(join(tmpdir(), 'flowguard-gateway-'))) {
  const clock = overrides.clock ?? Date.now
  const log = openSqliteLog({ path: join(folder, 'raw-log.db'), topics: readTopics(settings.TOPICS_FILE), clock })
  const database = openSqliteDatabase({ path: join(folder, 'edge.db'), clock })
  await seed(database, { foods: settings.FOODS_FILE, ads: settings.ADS_FILE })
  const gateway = await createGateway({
    log,
    timedLog: log,
    hasEventsLog: false,
    database,
    billing: noBilling,
    journeys: { of: async () => notYet() },
    notes: { notes: async () => notYet() },
    lane: async () => laneOf([], undefined),
    clock,
    logger: silentLogger,
    version: '0.0.0',
    environment: 'test',
    dataDir: folder,
    keyed: 'nothing',
    corsOrigins: ['http://localhost:3000'],
    rateLimit: 0,
    ...overrides,
  })

  async function stop() {
    await gateway.close()
    await log[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  }

  return {
    ...gateway,
    log,
    database,
    folder,
    stop,
    /** JSON, or bytes as they are. */
    post: (url: string, body: unknown, headers: Record<string, string> = {}) =>
      gateway.app.inject({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json', ...headers },
        payload: (typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)) as string,
      }),
    get: (url: string, headers: Record<string, string> = {}) => gateway.app.inject({ method: 'GET', url, headers } satisfies InjectOptions),
    records: async (topic: Topic) => recordsOf(log, topic),
    async [Symbol.asyncDispose]() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function recordsOf(
  log: Awaited<ReturnType<typeof openSqliteLog>>,
  topic: Topic,
): Promise<(LogRecord & { event: Record<string, unknown> })[]> {
  const places = Array.from({ length: log.partitions(topic) }, (_, partition) => ({ topic, partition, next: 0 }))
  const records = await log.read(places, { countMax: 1_000_000, waitMs: 0 })
  return records.map((record) => ({ ...record, event: JSON.parse(record.value) as Record<string, unknown> }))
}
