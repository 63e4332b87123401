import type { DatabaseSync } from 'node:sqlite'
import { alertBook, type AlertBook } from '../alerts/book.ts'
import { pipelineFaults } from '../alerts/faults.ts'
import { FLINK, type Batches, type Read } from '../alerts/reader-faults.ts'
import { watchedRules, type WatchedRules } from '../alerts/rules-file.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { checkChannels } from '../notify/channels.ts'
import { groups, watermarkOf } from '../ops/groups.ts'
import { openStores, placesOf } from '../stores.ts'
import type { Machine } from './machine.ts'
import { gatewayFigures, metricsOf } from '../ops/gateway-figures.ts'
import { ANOMALY_READER, ANOMALY_TOPICS, anomalyReader } from '../anomaly/reader.ts'
import type { TopicSpecs } from '../log/topics.ts'
import { standingsIn } from '../reader/places.ts'
import { readerLoop } from '../reader/loop.ts'
import { passedIn, pendingIn } from '../stream/pending.ts'
import { METRICS } from '@flowguard/contract'
import { reconcileView } from '../reconcile/view.ts'
import type { Settings } from '../kernel/config.ts'
import { LAKE, LOADER } from '../loader/mirror.ts'
import { QUIET_TIMES } from '../reader/batching.ts'
import { auditOver, checksOver, settledRunOver } from './ops-questions.ts'
import { batchingOf, snowflakeOf } from './warehouse.ts'

interface Alerts {
  book: AlertBook
  rules: WatchedRules
}

const shared = new WeakMap<Machine, Promise<Alerts>>()

/** The book of alerts and its rules, one for all roles of a process. `watching` looks at the file of rules: for the first who asks. */
export async function alertsOf(machine: Machine): Promise<Alerts & { watching: readonly Part[] }> {
  const known = shared.get(machine)
  if (known) return { ...(await known), watching: [] }
  const made = open(machine)
  shared.set(machine, made)
  const alerts = await made
  return { ...alerts, watching: [alerts.rules.watch] }
}

async function open(machine: Machine): Promise<Alerts> {
  const { settings, clock, logger } = machine
  const { db, derived } = await machine.pipeline()
  const rules = watchedRules(settings.ALERTS_FILE, { logger, checkChannels })
  return { rules, book: alertBook({ db, derived, clock, cooldownMs: (rule) => rules.now().cooldownMs(rule) }) }
}

/** Looks for faults of the pipeline itself. */
export async function faultParts(machine: Machine): Promise<readonly Part[]> {
  const { settings, topics, clock, logger, closing } = machine
  const { db, path } = await machine.pipeline()
  const { book, rules, watching } = await alertsOf(machine)
  const stores = closing.use(openStores({ ...placesOf(settings), clock }))
  const found = reconcileView(db)
  const faults = pipelineFaults({
    book,
    inTransaction: (work) => guarded(path, () => transaction(db, work)),
    rules: () => rules.now().pipeline,
    rulesFault: rules.fault,
    readers: async () => [...(await groups(stores)).readers, ...(settings.STREAM_ENGINE === 'flink' ? [flinkAsReader(topics, db)] : [])],
    batches: batchesOf(settings),
    settledRun: settledRunOver(settings),
    checks: checksOver(settings),
    unexplained: (since) => guarded(path, () => found.unexplainedSince(since)),
    audit: auditOver(settings),
    clock,
    logger,
  })
  return [...watching, faults]
}

/** Readers that leave heartbeats waiting while nothing else comes in. */
export function batchesOf(settings: Settings): Batches {
  const { quietMs, rowsMax } = batchingOf(settings)
  return {
    [LAKE]: { ms: QUIET_TIMES * Number(settings.LAKE_AGE_MS), records: 0 },
    // Into a file it loads all the time.
    ...(snowflakeOf(settings) && { [LOADER]: { ms: quietMs, records: rowsMax } }),
  }
}

/** Flink, for who looks whether readers stand still. */
function flinkAsReader(topics: TopicSpecs, db: DatabaseSync): Read {
  const [answered, watermark] = [passedIn(db), watermarkOf(topics, standingsIn(db)) ?? 0]
  return {
    name: FLINK,
    lag: answered < watermark ? Math.max(1, pendingIn(db).length) : 0,
    partitions: [{ next: answered }],
    tally: { dead: 0 },
  }
}

/** Holds what the windows say against what is usual. */
export async function anomalyParts(machine: Machine): Promise<readonly Part[]> {
  const { settings, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const { book, rules } = await alertsOf(machine)
  const figures = gatewayFigures(metricsOf(settings.GATEWAY_URL), clock)
  const anomaly = anomalyReader({
    db,
    path,
    watermark: () => passedIn(db),
    endsOf: () => derived.ends(METRICS),
    rules: () => rules.now().anomalies,
    alerts: book,
    async refusedNow() {
      const { up, refused } = await figures()
      return up ? refused : undefined
    },
    clock,
    logger,
  })
  const { handler, parts } = anomaly
  return [
    readerLoop({ name: ANOMALY_READER, topics: ANOMALY_TOPICS, log: derived, handler }, { db, path, derived, clock, logger }),
    ...parts,
  ]
}
