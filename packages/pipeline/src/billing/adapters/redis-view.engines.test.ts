import { randomUUID } from 'node:crypto'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { clearedRedis } from '../../../../../test/support/redis-server.ts'
import { silentLogger } from '../../kernel/logging.ts'
import { asOfIn } from '../as-of.ts'
import { counterShipper } from '../counter-shipper.ts'
import { countersConformance } from '../counters.conformance.ts'
import { ads, openedStore } from '../testing/view.ts'
import { until } from '../testing/until.ts'
import { openRedisCounters } from './redis-counters.ts'
import { redisBillingView } from './redis-view.ts'
import { sqliteBillingView } from './sqlite-view.ts'

const url = engineAddress('redis')

countersConformance('redis', async () => {
  const prefix = `test-${randomUUID()}:`
  const store = openedStore({ isTold: true })
  const { db, path, changes } = store
  const counters = openRedisCounters({ url, prefix })
  const ledger = sqliteBillingView(path, ads)
  const view = redisBillingView({ url, prefix, ads, events: (line) => ledger.events(line) })
  const stopping = new AbortController()
  const shipping = counterShipper({ db, path, counters, newEpoch: randomUUID, logger: silentLogger })(stopping.signal)

  /** Once those on Redis have been told everything. */
  const told = () =>
    until(async () => {
      const standing = await counters.standing()
      if (!standing || standing.epoch !== changes.epoch() || standing.place !== changes.latest()) return false
      return (await view.advertisers('f', 't')).as_of === asOfIn(db)
    })
  await told()
  return {
    view,
    charge: (...charges) => (store.charge(...charges), told()),
    count: (...counted) => (store.count(...counted), told()),
    stand: (...stood) => (store.stand(...stood), told()),
    answer: async (...answered) => (await store.answer(...answered), told()),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await shipping
      for (const each of [view, ledger, store]) each[Symbol.dispose]()
      await counters[Symbol.asyncDispose]()
      await clearedRedis(url, prefix)
    },
  }
})
