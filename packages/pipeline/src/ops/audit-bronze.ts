import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { hasLoaded } from '../loader/mirror.ts'
import type { Standing } from '../reader/places.ts'
import { BRONZE_TABLES } from '../warehouse/schema.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import type { Audit } from './audit.ts'
import { checking, type Check } from './audit-check.ts'

const LIMITS = { rowsMax: 10_000, timeoutMs: 300_000 }

const ROWS = Object.values(BRONZE_TABLES)
  .map((table) => `select source_topic, source_partition, source_offset from ${table}`)
  .join(' union all ')

/** Places and rows as of one moment. */
const BOOKS = `
  select p.topic, p."partition", p.log_id, p."next", p.applied, coalesce(b.row_count, 0), coalesce(b.offset_count, 0)
  from bronze.places as p left join (
    select source_topic, source_partition, count(*) as row_count, count(distinct source_offset) as offset_count
    from (${ROWS}) group by source_topic, source_partition
  ) as b on b.source_topic = p.topic and b.source_partition = p."partition"
  order by p.topic, p."partition"`

interface Loaded {
  name: string
  logId: string
  next: number
  applied: number
  rows: number
  offsets: number
}

/** The books with the warehouse's side: every record loaded is one row there. `mirror` is read before it is asked, so the warehouse may be ahead of it and never behind. */
export async function withBronze(books: Audit, mirror: readonly Standing[], query: Warehouse['query']): Promise<Audit> {
  const startedAt = performance.now()
  const { checks, unchecked } = await bronzeBooks(mirror, query)
  return {
    balanced: books.balanced && checks.every(({ ok }) => ok),
    checks: [...books.checks, ...checks],
    unchecked: [...books.unchecked, ...unchecked],
    took_ms: books.took_ms + Math.round(performance.now() - startedAt),
  }
}

async function bronzeBooks(mirror: readonly Standing[], query: Warehouse['query']): Promise<{ checks: Check[]; unchecked: string[] }> {
  try {
    const { rows } = await query(BOOKS, LIMITS)
    const loaded = rows.map((row): Loaded => {
      const [topic, partition, logId, next, applied, count, offsets] = row as [string, number, string, number, number, number, number]
      return { name: `${topic}-${partition}`, logId, next, applied, rows: count, offsets }
    })
    return { checks: [rowsCheck(loaded), mirrorCheck(mirror, loaded)], unchecked: [] }
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    if (!hasCode(error, 'warehouse_missing')) return { checks: [], unchecked: [`the warehouse could not be asked: ${error.message}`] }
    return { checks: hasLoaded(mirror) ? [mirrorCheck(mirror, [])] : [], unchecked: [] }
  }
}

function rowsCheck(loaded: readonly Loaded[]): Check {
  const check = checking('bronze rows = applied by the loader')
  let [expected, actual] = [0, 0]
  for (const { name, applied, rows, offsets } of loaded) {
    expected += applied
    actual += rows
    if (rows !== applied || offsets !== rows)
      check.fault(`${name}: applied ${applied}, in bronze ${rows}, of which ${offsets} are different records`)
  }
  return check.done({ detail: 'of every partition, each record once', expected, actual })
}

function mirrorCheck(mirror: readonly Standing[], loaded: readonly Loaded[]): Check {
  const check = checking('bronze holds what the loader has read')
  let [expected, actual] = [0, 0]
  for (const { topic, partition, logId, next } of mirror) {
    const name = `${topic}-${partition}`
    const found = loaded.find((each) => each.name === name)
    expected += next
    actual += Math.min(next, found?.next ?? 0)
    if (found && found.logId !== logId) check.fault(`${name}: the warehouse knows the log ${found.logId}; this is ${logId}`)
    else if ((found?.next ?? 0) < next) check.fault(`${name}: read up to ${next}, in the warehouse up to ${found?.next ?? 0}`)
  }
  return check.done({ detail: 'places of the loader as readers are told, against those in the warehouse, by offset', expected, actual })
}
