import { pause } from '../kernel/lifecycle.ts'
import type { LogStore } from '../ops/stores.ts'
import { openStores } from '../stores.ts'
import { readTopics } from '../log/topics.ts'
import type { Context } from './cli.ts'
import { printable, type Colors } from './output.ts'

const ROWS_MAX = 500
const POLL_MS = 200

/** What became of a general event: the row that a worker has left. */
export interface LaneRow {
  fate: 'processed' | 'failed'
  seq: number
  event_id: string
  event_type: string
  user_id: string | null
  at: string
  by: string
  /** The category, or the error. */
  what: string | null
}

interface LaneFollow {
  fromStart: boolean
  show: (row: LaneRow) => void
}

/** Shows what the workers leave in their tables, until the signal aborts. */
export async function followLane({ io, settings }: Context, { fromStart, show }: LaneFollow): Promise<void> {
  const { signal, clock } = io
  using stores = openStores({ dataDir: settings.DATA_DIR, topics: readTopics(settings.TOPICS_FILE), clock })
  const isThere = stores.lane !== undefined
  while (!signal.aborted && !stores.lane) await pause(POLL_MS, signal)
  if (!stores.lane) return
  const tables = [rowsOf(stores.lane, 'processed'), rowsOf(stores.lane, 'failed')]
  // What was made while it was waited for is all to be seen.
  if (isThere && !fromStart) for (const table of tables) table.toEnd()
  while (!signal.aborted) {
    const rows = tables.flatMap((table) => table.next())
    for (const row of rows.toSorted((a, b) => (a.at < b.at ? -1 : 1))) show(row)
    await pause(rows.length < ROWS_MAX ? POLL_MS : 0, signal)
  }
}

function rowsOf({ db }: LogStore, fate: LaneRow['fate']) {
  const [at, by, what] = fate === 'processed' ? ['processed_at', 'processed_by', 'category'] : ['failed_at', 'failed_by', 'error']
  const next = db.prepare(
    `select '${fate}' as fate, seq, event_id, event_type, user_id, ${at} as at, ${by} as by, ${what} as what
     from ${fate}_events where seq > ? order by seq limit ?`,
  )
  const last = db.prepare(`select max(seq) as seq from ${fate}_events`)
  let seen = 0
  return {
    toEnd() {
      seen = (last.get() as { seq: number | null }).seq ?? 0
    },
    next(): LaneRow[] {
      const rows = next.all(seen, ROWS_MAX) as unknown as LaneRow[]
      seen = rows.at(-1)?.seq ?? seen
      return rows
    },
  }
}

const FATE_CHARS = 12
const PLACE_CHARS = 26

export function laneLine({ fate, event_type: type, user_id: user, at, by, what, event_id: id }: LaneRow, c: Colors): string {
  const paint = fate === 'processed' ? c.green : c.red
  const parts = [
    c.dim(at.slice(11, 23)),
    c.dim(printable(by).padEnd(PLACE_CHARS)),
    paint(fate.padEnd(FATE_CHARS)),
    type,
    user === null ? '' : `user ${printable(user)}`,
    what === null ? '' : printable(what),
    c.dim(printable(id)),
  ]
  return parts.filter(Boolean).join('  ')
}
