import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ATTRIBUTED, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { createEtl, type Etl, type RunListener } from '../etl/etl.ts'
import { lineageSender } from '../etl/lineage-sender.ts'
import { lineageOf } from '../etl/lineage.ts'
import { readModels } from '../etl/model.ts'
import { ROOT, VERSION, type Settings } from '../kernel/config.ts'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { pause } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { groups, type GroupPartition } from '../ops/groups.ts'
import type { Stores } from '../ops/stores.ts'
import { totalsOf } from '../reader/totals.ts'
import { openStores, placesOf } from '../stores.ts'
import { pendingIn } from '../stream/pending.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { openDatabaseReader } from './edge-stores.ts'
import { exportAfter } from './export.ts'
import type { Machine } from './machine.ts'
import { openMachine } from './open-machine.ts'
import { reconcileAfter } from './reconcile.ts'
import { batchEngine } from './spark.ts'
import { holdWarehouse, levelMsMaxOf, snowflakeOf, warehouseNamespace } from './warehouse.ts'

/**
 * How long a question waits for what is in the log. Not at once: while events come in something is always on its way to the warehouse, and only what was there when it was asked counts.
 * Short, for who asks over HTTP gives up after a while (cli/http.ts), and asks again.
 */
const QUESTION_MS_MAX = 10_000
const LEVEL_POLL_MS = 100

const shared = new WeakMap<Machine, Promise<Etl>>()

/** One for all roles of a process: there is one run at a time. */
export function etlOf(machine: Machine): Promise<Etl> {
  const made = shared.get(machine) ?? openEtl(machine, levelMsMaxOf(machine.settings))
  shared.set(machine, made)
  return made
}

/** The ETL in this process, where FlowGuard does not run on the folder. Throws `warehouse_missing`, or `warehouse_held` where it does. */
export async function openOwnEtl(settings: Settings, logger: Logger, signal: AbortSignal): Promise<{ etl: Etl } & AsyncDisposable> {
  const file = join(settings.DATA_DIR, WAREHOUSE.file)
  if (!snowflakeOf(settings) && !existsSync(file)) throw new FlowGuardError('warehouse_missing', `${file} is not there`)
  const machine = openMachine(settings, logger, signal)
  try {
    // Nobody loads meanwhile, so there is nothing to wait for.
    const opened = openEtl(machine, 0)
    // What follows a run asks for it, too.
    shared.set(machine, opened)
    const etl = await opened
    await etl.runs(1)
    return {
      etl,
      async [Symbol.asyncDispose]() {
        // What follows a run is still at it.
        await etl.idle()
        await machine[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await machine[Symbol.asyncDispose]()
    throw error
  }
}

async function openEtl(machine: Machine, levelMsMax: number): Promise<Etl> {
  const { settings, clock, logger, closing, signal } = machine
  const stores = closing.use(openStores({ ...placesOf(settings), clock }))
  const models = readModels(join(ROOT, 'packages/pipeline/models'))
  const engine = batchEngine(machine, levelMsMax > 0)
  return createEtl(
    {
      warehouse: await machine.warehouse(),
      models,
      engine,
      hold: () => holdWarehouse(machine),
      reference: () => referenceOf(machine),
      awaited: ({ beforeMs, by }, stop) =>
        awaited(stores, { beforeMs, msMax: by === 'run' ? levelMsMax : Math.min(levelMsMax, QUESTION_MS_MAX) }, stop),
      lineage: lineageTo(machine),
      async after(days) {
        await reconcileAfter(machine, days, levelMsMax)
        await exportAfter(machine, () => etlOf(machine))
      },
      clock,
      logger,
    },
    signal,
  )
}

/** To the receiver of the settings, where there is one. */
function lineageTo({ settings, closing, logger }: Machine): RunListener | undefined {
  const { OPENLINEAGE_URL: url, OPENLINEAGE_API_KEY: apiKey, OPENLINEAGE_NAMESPACE: namespace } = settings
  if (url === '') return undefined
  const sender = closing.use(lineageSender({ url, apiKey, logger }))
  const lineage = lineageOf({ namespace, warehouse: warehouseNamespace(settings), producer: `urn:flowguard:${VERSION}` })
  return {
    began: (run, models) => sender.send(lineage.began(run, models)),
    ended: (run, models) => sender.send(lineage.ended(run, models)),
  }
}

async function referenceOf(machine: Machine) {
  try {
    await using database = await openDatabaseReader(machine)
    return { foods: await database.foods(), ads: await database.ads() }
  } catch (error) {
    if (hasCode(error, 'store_missing')) return { foods: [], ads: [] }
    throw error
  }
}

/**
 * What has yet to happen, so that all that lies in the log by now has been read by the stream and loaded, with the answers, and no order before that instant waits
 * for the watermark. Where the instant is yet to come others will always wait: that is said, and not waited for.
 */
async function awaited(
  stores: Stores,
  { beforeMs, msMax }: { beforeMs: number; msMax: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const until = performance.now() + msMax
  const now = async () => new Map((await groups(stores)).readers.map(({ name, partitions }) => [name, partitions]))
  const first = await now()
  const raw = (partition: GroupPartition) => (TIMED_TOPICS as readonly Topic[]).includes(partition.topic)
  const targets = (['stream', 'loader'] as const).flatMap((name) => (first.get(name) ?? []).filter(raw).map((each) => ({ name, ...each })))
  let answersTo: readonly GroupPartition[] | undefined
  for (;;) {
    // Looked at first: the answers of those that wait no more lie before the ends that are read then.
    const pending = waitsBefore(stores, beforeMs)
    const current = await now()
    const nextOf = (name: 'stream' | 'loader', { topic, partition }: GroupPartition) =>
      current.get(name)?.find((each) => each.topic === topic && each.partition === partition)?.next ?? 0
    const behind = targets.filter((each) => nextOf(each.name, each) < each.end && !(each.name === 'loader' && isLevelWith(current, each)))
    const answersNow = (current.get('loader') ?? []).filter(({ topic }) => topic === ATTRIBUTED)
    // All are given that there will be: those to what comes meanwhile are not waited for.
    if (!behind.some(({ name }) => name === 'stream') && (pending === 0 || beforeMs > stores.clock())) answersTo ??= answersNow
    const answers = (answersTo ?? answersNow).filter((each) => nextOf('loader', each) < each.end)
    const isLoaded = behind.length === 0 && answers.length === 0
    if ((isLoaded && answersTo) || signal.aborted || performance.now() >= until) {
      const records = (count: number) => `${count} ${count === 1 ? 'record' : 'records'}`
      return [
        ...behind.map(
          (each) => `the ${each.name} has yet to read ${records(each.end - nextOf(each.name, each))} of ${each.topic}/${each.partition}`,
        ),
        ...answers.map(
          (each) => `the loader has yet to read ${records(each.end - nextOf('loader', each))} of ${each.topic}/${each.partition}`,
        ),
        ...(pending === 0 ? [] : [`${pending} ${pending === 1 ? 'order waits' : 'orders wait'} for the watermark`]),
      ]
    }
    await pause(LEVEL_POLL_MS, signal)
  }
}

/** Whether the loader has as many events as the stream, which has read all: heartbeats make no rows, and their places may be loaded late. */
export function isLevelWith(current: ReadonlyMap<string, readonly GroupPartition[]>, { topic, partition, end }: GroupPartition): boolean {
  const [stream, loaded] = (['stream', 'loader'] as const).map((name) =>
    current.get(name)?.find((each) => each.topic === topic && each.partition === partition),
  )
  const events = (of: GroupPartition) => of.tally.read - of.heartbeats
  return stream !== undefined && loaded !== undefined && stream.next >= end && events(stream) === events(loaded)
}

/** Orders. */
function waitsBefore(stores: Stores, beforeMs: number): number {
  if (!stores.pipeline || totalsOf(stores.pipeline.db)('pending').amount >= beforeMs) return 0
  return pendingIn(stores.pipeline.db).filter(({ ts }) => ts < beforeMs).length
}
