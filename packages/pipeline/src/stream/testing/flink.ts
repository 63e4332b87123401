import { join } from 'node:path'
import { ATTRIBUTED, CLICKS, METRICS, ORDERS, SESSIONS, type Topic } from '@flowguard/contract'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { ROOT } from '../../kernel/config.ts'
import type { LogRecord } from '../../log/event-log.ts'
import { kafkaTopics } from '../../log/testing/kafka.ts'
import { readAll } from '../../log/testing/records.ts'
import type { DeployOptions } from '../flink/deployment.ts'
import { isOver, jobsAt } from '../flink/jobs.ts'
import { committedIn } from './committed.ts'
import type { StreamRows } from './oracle.ts'
import type { TimelineRecord } from './crowd.ts'

const RAW = [ORDERS, CLICKS] as const
const DERIVED = [ATTRIBUTED, METRICS, SESSIONS] as const
const APPEND_COUNT = 5_000
const SETTLE_MS_MAX = 420_000
/** Nothing more has come for so long: there is no more. */
const QUIET_MS = 5_000

/** Topics of their own, the job's options for them, and what the job has written there. */
export async function flinkStage(folder: string, { copies = 1, parallelism = 1, doubleClickMs = 2_000 } = {}) {
  const closing = new AsyncDisposableStack()
  const topics = closing.use(await kafkaTopics([...RAW, ...DERIVED], copies))
  const log = closing.use(await topics.open(Date.now))
  const written = closing.use(await committedIn(topics.address, DERIVED, topics.specs))
  const options: DeployOptions = {
    folder: join(ROOT, 'engines/flink'),
    address: topics.address,
    brokers: topics.address.brokers.join(','),
    topics: topics.specs,
    doubleClickMs,
    parallelism,
    gatewayUrl: engineAddress('flink-sql'),
    jobsUrl: engineAddress('flink-jobs'),
    file: join(folder, 'flink.json'),
  }
  // What still runs at the end would look for topics that are gone.
  closing.defer(async () => {
    const jobs = jobsAt(options.jobsUrl)
    for (const job of await jobs.all()) if (job.name.includes(topics.address.prefix) && !isOver(job)) await jobs.cancel(job.jid)
  })
  const parsed = (topic: Topic) => written.found(topic).map(({ value }) => JSON.parse(value) as never)
  const rows = (): StreamRows => ({ attributed: parsed(ATTRIBUTED), windows: parsed(METRICS), sessions: parsed(SESSIONS) })

  return {
    topics: topics.specs,
    options,
    written,
    async append(records: readonly TimelineRecord[]) {
      for (let at = 0; at < records.length; at += APPEND_COUNT) {
        const part = records.slice(at, at + APPEND_COUNT)
        await Promise.all(
          RAW.map((topic) =>
            log.append(
              topic,
              part.filter((each) => each.topic === topic),
            ),
          ),
        )
      }
    },
    /** The raw records, as any reader finds them. */
    async raw(): Promise<LogRecord[]> {
      const all: LogRecord[] = []
      for (const topic of RAW) {
        for (let partition = 0; partition < topics.specs[topic].partitions; partition += 1)
          for (const record of await readAll(log, topic, partition, APPEND_COUNT)) all.push(record)
      }
      return all
    },
    /** Once the job has written as many rows as these. Where it never does, as many as it has. */
    async rowsLike(expected: StreamRows): Promise<StreamRows> {
      const deadline = performance.now() + SETTLE_MS_MAX
      const counts: [Topic, number][] = [
        [ATTRIBUTED, expected.attributed.length],
        [METRICS, expected.windows.length],
        [SESSIONS, expected.sessions.length],
      ]
      const isThere = () => counts.every(([topic, count]) => written.found(topic).length >= count)
      while (!isThere() && performance.now() < deadline) await written.more()
      return rows()
    },
    /** Once nothing more comes. */
    async allRows(): Promise<StreamRows> {
      let lastAt = performance.now()
      while (performance.now() - lastAt < QUIET_MS) if ((await written.more()) > 0) lastAt = performance.now()
      return rows()
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

export type FlinkStage = Awaited<ReturnType<typeof flinkStage>>
