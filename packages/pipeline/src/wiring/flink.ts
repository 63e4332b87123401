import { join } from 'node:path'
import { ATTRIBUTED, TIMED_TOPICS } from '@flowguard/contract'
import type { KafkaAddress } from '../kernel/addresses.ts'
import { ROOT, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import type { Part } from '../kernel/lifecycle.ts'
import { guarded } from '../kernel/sqlite.ts'
import type { Place } from '../log/event-log.ts'
import { readTopics } from '../log/topics.ts'
import type { PipelineStore } from '../pipeline-store.ts'
import { readerLoop } from '../reader/loop.ts'
import { standingsIn } from '../reader/places.ts'
import { FLINK_READER } from '../reader/readers.ts'
import { addressesOf } from '../stores.ts'
import { deploy, type Deployed, type DeployOptions } from '../stream/flink/deployment.ts'
import { FLINK_TOPICS, flinkImporting } from '../stream/flink/importing.ts'
import { jobsAt } from '../stream/flink/jobs.ts'
import { flinkProgress } from '../stream/flink/progress.ts'
import { jobProgress } from '../stream/flink/status.ts'
import { patiently } from './edge-stores.ts'
import type { Machine } from './machine.ts'

/** In the data folder: what the next deploy goes on from. */
const FILE = 'flink.json'

/** The job for these settings. Throws `settings_invalid` where the log is not on Kafka, which is all that Flink reads. */
export function flinkSettings(settings: Settings): DeployOptions {
  const log = kafkaOf(settings)
  return {
    folder: join(ROOT, 'engines/flink'),
    address: log,
    brokers: settings.FLINK_BROKERS || log.brokers.join(','),
    topics: readTopics(settings.TOPICS_FILE, Number(settings.LOG_COPIES)),
    doubleClickMs: Number(settings.DOUBLE_CLICK_MS),
    parallelism: Number(settings.FLINK_PARALLELISM),
    gatewayUrl: settings.FLINK_GATEWAY_URL,
    jobsUrl: settings.FLINK_JOBS_URL,
    file: join(settings.DATA_DIR, FILE),
  }
}

/** Submits the job, and makes the topics first that are missing. Rejects as `deploy` does. */
export async function deployFlink(settings: Settings, { from, parallelism }: { from?: string; parallelism?: number }): Promise<Deployed> {
  const options = flinkSettings(settings)
  // Where Flink is not there, nothing is made.
  await jobsAt(options.jobsUrl).overview()
  const { ensureTopics } = await import('../log/adapters/kafka-topics.ts')
  await ensureTopics(options.address, options.topics, [...TIMED_TOPICS, ...FLINK_TOPICS])
  return deploy({ ...options, from, parallelism: parallelism ?? options.parallelism })
}

function kafkaOf(settings: Settings): KafkaAddress {
  const { log } = addressesOf(settings)
  if (log.engine !== 'kafka')
    throw new FlowGuardError(
      'settings_invalid',
      'Flink reads Kafka alone: LOG_URL must be kafka://…, as docs/DEPLOYMENT.md has it (On Apache Flink)',
    )
  return log
}

/**
 * Where STREAM_ENGINE is flink: takes its rows over from Kafka. `answered`: before when all of them are here, 0 until that is known. Throws `settings_invalid` where the
 * store has rows of the other engine: both would answer what lies in the log.
 */
export async function answeredByFlink(machine: Machine): Promise<{ parts: readonly Part[]; answered: () => number } | undefined> {
  const { settings, topics, clock, logger, closing } = machine
  const store = await machine.pipeline()
  await refuseOther(settings, store)
  if (settings.STREAM_ENGINE !== 'flink') return undefined
  const address = kafkaOf(settings)
  const { db, path, derived } = store
  const [{ ensureTopics }, { openKafkaLog }, { kafkaOffsets }] = await Promise.all([
    import('../log/adapters/kafka-topics.ts'),
    import('../log/adapters/kafka.ts'),
    import('../log/adapters/kafka-offsets.ts'),
  ])
  await patiently(machine, () => ensureTopics(address, topics, FLINK_TOPICS))
  const log = closing.use(await patiently(machine, () => openKafkaLog({ address, topics, holds: FLINK_TOPICS, clock, logger })))
  const offsets = closing.use(kafkaOffsets(address))
  const nextOf = ({ topic, partition }: Place) =>
    guarded(path, () => standingsIn(db)).find(
      (each) => each.reader === FLINK_READER && each.topic === topic && each.partition === partition,
    )?.next ?? 0
  const { jobsUrl } = flinkSettings(settings)
  const progress = flinkProgress({
    progress: () => jobProgress({ jobsUrl, address }),
    async written() {
      const ends = FLINK_TOPICS.map(async (topic) => {
        const numbers = Array.from({ length: topics[topic].partitions }, (_, partition) => partition)
        return [...(await offsets.written(topic, numbers))].map(([partition, next]) => ({ topic, partition, next }))
      })
      return (await Promise.all(ends)).flat()
    },
    importedTo: (place) => log.emptyTo?.({ ...place, next: nextOf(place) }) ?? nextOf(place),
    clock,
    logger,
  })
  const handler = flinkImporting(db, derived)
  return {
    answered: progress.settled,
    parts: [readerLoop({ name: FLINK_READER, topics: FLINK_TOPICS, log, handler }, { db, path, derived, clock, logger }), progress.run],
  }
}

async function refuseOther({ STREAM_ENGINE: engine }: Settings, { db, path, derived }: PipelineStore): Promise<void> {
  const isImported = guarded(path, () => standingsIn(db)).some(({ reader }) => reader === FLINK_READER)
  const isAnswered = (await derived.ends(ATTRIBUTED)).some(({ end }) => end > 0)
  const other = engine === 'flink' ? isAnswered && !isImported : isImported
  if (!other) return
  throw new FlowGuardError(
    'settings_invalid',
    `STREAM_ENGINE is ${engine}, and ${path} holds what ${engine === 'flink' ? 'the embedded stream' : 'Flink'} answered: a second one would answer it again. ` +
      'Set it as it was, or begin with another prefix of topics (LOG_URL) and another DATA_DIR',
  )
}
