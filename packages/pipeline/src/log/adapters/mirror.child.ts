import type { Topic } from '@flowguard/contract'
import type { KafkaAddress } from '../../kernel/addresses.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { mirror } from '../mirror.ts'
import type { TopicSpecs } from '../topics.ts'
import { kafkaSink } from './kafka-sink.ts'
import { openSqliteLogReader } from './sqlite.ts'

// What the test of the mirror kills: it ships the log at a path until then.
interface Task {
  path: string
  address: KafkaAddress
  topics: TopicSpecs
  holds: readonly [Topic, ...Topic[]]
}
const { path, address, topics, holds } = JSON.parse(process.argv[2] ?? '{}') as Task
const log = openSqliteLogReader({ path, topics, clock: Date.now })
const sink = kafkaSink({ address, topics, holds })
await mirror({ log, topics: holds, sink, clock: Date.now, logger: silentLogger }).run(new AbortController().signal)
