import { FlowGuardError } from '../../kernel/errors.ts'
import type { Expired } from '../../reader/expired.ts'
import type { LoadPlace, Session } from '../warehouse.ts'

// What is done to the loader's places in the same words in every database.

export function placesOn(connection: Session): Promise<LoadPlace[]> {
  return connection.rows<LoadPlace>(
    'select topic, "partition", log_id as "logId", began, expired, "next", "read", applied, skipped from bronze.places order by topic, "partition"',
  )
}

export async function expire(connection: Session, { topic, partition, from, to }: Expired): Promise<void> {
  const moved = await connection.run(
    `update bronze.places set "next" = $4, expired = expired + $4 - $3 where topic = $1 and "partition" = $2 and "next" = $3`,
    [topic, partition, from, to],
  )
  if (moved !== 1) throw new FlowGuardError('place_moved', `loader: ${topic}-${partition} no longer stands at ${from}`)
}
