import { FlowGuardError } from '../kernel/errors.ts'
import { BRONZE_TABLES, type LoadedTopic } from '../warehouse/schema.ts'
import type { Warehouse } from '../warehouse/warehouse.ts'
import { readBy, type Trace } from './trace.ts'

const LIMITS = { rowsMax: 1_000, timeoutMs: 10_000 }

/** The way of an event with when it was loaded, and as what; as it was where the warehouse cannot be asked. */
export async function withLoaded(trace: Trace, query: Warehouse['query']): Promise<Trace> {
  const records = trace.records.filter(({ topic }) => topic in BRONZE_TABLES)
  if (records.length === 0) return trace
  const looks = records.map(({ topic, partition, offset }) => {
    const table = BRONZE_TABLES[topic as LoadedTopic]
    return `select source_topic || '-' || source_partition || '@' || source_offset, ingestion_id, ingestion_timestamp, '${table}' from ${table}
      where source_partition = ${partition} and source_offset = ${offset}`
  })
  try {
    const { rows } = await query(looks.join(' union all '), LIMITS)
    const found = rows as readonly (readonly [where: string, id: string, at: string, table: string])[]
    const steps = trace.steps.map((step) => {
      const [, id, at, table] = found.find(([where]) => step.part === 'loader' && step.what.startsWith(readBy(where))) ?? []
      return id && at ? { ...step, at, what: `loaded into ${table} as ${id}` } : step
    })
    return { ...trace, steps }
  } catch (error) {
    if (error instanceof FlowGuardError) return trace
    throw error
  }
}
