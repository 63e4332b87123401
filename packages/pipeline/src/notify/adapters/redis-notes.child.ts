import { randomUUID } from 'node:crypto'
import { silentLogger } from '../../kernel/logging.ts'
import { openStore } from '../../kernel/sqlite.ts'
import { notesShipper } from '../customers/shipper.ts'
import { notesTable } from '../customers/table.ts'
import { openRedisNotes } from './redis-notes.ts'

/** Tells the notes on Redis what is written down in a store, until it is killed. */
const [path = '', url = '', prefix = ''] = process.argv.slice(2)
const table = notesTable(openStore(path))
const store = openRedisNotes({ url, prefix })
await notesShipper({ path, table, store, newEpoch: randomUUID, logger: silentLogger })(new AbortController().signal)
