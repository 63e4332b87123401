import { randomUUID } from 'node:crypto'
import { silentLogger } from '../../kernel/logging.ts'
import { openStore } from '../../kernel/sqlite.ts'
import { counterShipper } from '../counter-shipper.ts'
import { openRedisCounters } from './redis-counters.ts'

/** Tells the counters on Redis what is written down in a store, until it is killed. */
const [path = '', url = '', prefix = ''] = process.argv.slice(2)
const db = openStore(path)
const counters = openRedisCounters({ url, prefix })
await counterShipper({ db, path, counters, newEpoch: randomUUID, logger: silentLogger })(new AbortController().signal)
