import type { Topic } from '@flowguard/contract'
import { FlowGuardError } from '../../kernel/errors.ts'
import type { Expired } from '../../reader/expired.ts'
import type { Batch, Bronze, LoadPlace, Session } from '../warehouse.ts'

// What is done to the loader's places in the same words in every database.

type Work = <T>(work: (session: Session) => Promise<T>) => Promise<T>

/** Work on the loader's one connection; a new one where that is dead or has failed. */
export function loaderConnection(connect: () => Promise<Session>, errorOf = (error: unknown) => error): Work {
  let session: Session | undefined
  return async (work) => {
    session ??= await connect()
    try {
      return await work(session)
    } catch (error) {
      session[Symbol.dispose]()
      session = undefined
      throw errorOf(error)
    }
  }
}

export function placesOn(on: Work): Pick<Bronze, 'places' | 'begin' | 'expire'> {
  return {
    places: () => on(placesIn),
    begin: (from) =>
      on(async (connection) => {
        const there = new Set((await placesIn(connection)).map(({ topic, partition }) => `${topic}/${partition}`))
        const missing = from.filter(({ topic, partition }) => !there.has(`${topic}/${partition}`))
        // Nothing is written, and a warehouse left asleep, where nothing is new.
        if (missing.length > 0)
          await connection.transaction(async () => {
            for (const { topic, partition, next, logId } of missing) {
              await connection.run(
                `insert into bronze.places (topic, "partition", log_id, began, expired, "next", "read", applied, skipped)
                 select $1, $2, $3, $4, 0, $4, 0, 0, 0
                 where not exists (select 1 from bronze.places where topic = $1 and "partition" = $2)`,
                [topic, partition, logId, next],
              )
            }
          })
        return placesIn(connection)
      }),
    expire: (stretches) =>
      on(async (connection) => {
        await connection.transaction(async () => {
          for (const stretch of stretches) await expire(connection, stretch)
        })
        return placesIn(connection)
      }),
  }
}

function placesIn(connection: Session): Promise<LoadPlace[]> {
  return connection.rows<LoadPlace>(
    'select topic, "partition", log_id as "logId", began, expired, "next", "read", applied, skipped from bronze.places order by topic, "partition"',
  )
}

async function expire(connection: Session, { topic, partition, from, to }: Expired): Promise<void> {
  const moved = await connection.run(
    `update bronze.places set "next" = $4, expired = expired + $4 - $3 where topic = $1 and "partition" = $2 and "next" = $3`,
    [topic, partition, from, to],
  )
  if (moved !== 1) throw new FlowGuardError('place_moved', `loader: ${topic}-${partition} no longer stands at ${from}`)
}

interface Moving extends Pick<Batch, 'steps'> {
  logIdOf: (topic: Topic) => string
}

/**
 * Each place only from where it stood, so that nothing is loaded twice, whoever else loads. `update` makes the database's statement of rows of topic, partition, log, from,
 * next, read, applied, skipped.
 */
export async function move(
  connection: Session,
  { steps, logIdOf }: Moving,
  { quoted, update }: { quoted: (text: string) => string; update: (rows: string) => string },
): Promise<void> {
  if (steps.length === 0) return
  const rows = steps.map(({ topic, partition, from, next, read, applied, skipped }) => {
    return `(${quoted(topic)}, ${partition}, ${quoted(logIdOf(topic))}, ${from}, ${next}, ${read}, ${applied}, ${skipped})`
  })
  if ((await connection.run(update(rows.join(', ')))) === steps.length) return
  const from = steps.map((each) => `${each.topic}-${each.partition} at ${each.from}`).join(', ')
  throw new FlowGuardError('place_moved', `loader: no longer stands where it did (${from})`)
}
