import { randomUUID } from 'node:crypto'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { clearedRedis } from '../../../../../test/support/redis-server.ts'
import { eventLogConformance } from '../event-log.conformance.ts'
import { TEST_TOPICS } from '../testing/records.ts'
import { openRedisLog } from './redis.ts'

const url = engineAddress('redis')

eventLogConformance('redis', async () => {
  const prefix = `test-${randomUUID()}:`
  const open = (clock: () => number) => openRedisLog({ url, prefix, topics: TEST_TOPICS, clock, logger: silentLogger })
  return { open, openReader: () => open(() => 1_000), [Symbol.asyncDispose]: () => clearedRedis(url, prefix) }
})
