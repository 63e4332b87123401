import { pause } from '../kernel/lifecycle.ts'
import { openStores, placesOf } from '../stores.ts'
import type { LaneRow, LaneView } from '../workers/lane-view.ts'
import type { Context } from './cli.ts'
import { printable, type Colors } from './output.ts'

const ROWS_MAX = 500
const POLL_MS = 200

interface LaneFollow {
  fromStart: boolean
  show: (row: LaneRow) => void
}

/** Shows what the workers leave in their tables, until the signal aborts. */
export async function followLane({ io, settings }: Context, { fromStart, show }: LaneFollow): Promise<void> {
  const { signal, clock } = io
  await using stores = openStores({ ...placesOf(settings), clock })
  let { lane } = await stores.look('lane')
  const isThere = lane !== undefined
  for (; !signal.aborted && !lane; { lane } = await stores.look('lane')) await pause(POLL_MS, signal)
  if (!lane) return
  const tables = [rowsOf(lane, 'processed'), rowsOf(lane, 'failed')]
  // What was made while it was waited for is all to be seen.
  if (isThere && !fromStart) for (const table of tables) await table.toEnd()
  while (!signal.aborted) {
    const rows = (await Promise.all(tables.map((table) => table.next()))).flat()
    for (const row of rows.toSorted((a, b) => (a.at < b.at ? -1 : 1))) show(row)
    await pause(rows.length < ROWS_MAX ? POLL_MS : 0, signal)
  }
}

function rowsOf(lane: LaneView, fate: LaneRow['fate']) {
  let seen = 0
  return {
    async toEnd() {
      seen = await lane.lastSeq(fate)
    },
    async next(): Promise<readonly LaneRow[]> {
      const rows = await lane.after(fate, seen, ROWS_MAX)
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
