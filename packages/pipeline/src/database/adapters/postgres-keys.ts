import { FlowGuardError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/lifecycle.ts'
import type { Postgres } from '../../kernel/postgres.ts'
import type { Database, KeyUse } from '../database.ts'

/** How long keys that were read are believed: so soon is one that was revoked refused everywhere. */
const KEYS_MS_MAX = 1_000
/**
 * And how long where the database does not answer, so that what needs no database goes on. Where only this gateway is cut off a key may be revoked there meanwhile:
 * here it is taken for so long at the most.
 */
const KEYS_UNASKED_MS_MAX = 10 * 60_000

type Uses = ReadonlyMap<string, KeyUse>
type Keys = Pick<Database, 'addKey' | 'revokeKey' | 'hasKey'>

/** All keys are few, and read at most once a second: what comes with none that is known costs no question. */
export function postgresKeysOn(postgres: Postgres, clock: Clock, tables: Pick<Database, 'addKey' | 'revokeKey'>): Keys {
  let known: { at: number; uses: Uses } | undefined
  let reading: Promise<Uses> | undefined
  let isFailing = false

  async function read(): Promise<Uses> {
    const at = clock()
    const rows = await postgres.rows<{ hash: string; use: KeyUse }>('select hash, use from write_keys where revoked_at is null')
    return (known = { at, uses: new Map(rows.map(({ hash, use }) => [hash, use])) }).uses
  }

  function readOnce(): Promise<Uses> {
    if (reading) return reading
    const begun = read().finally(() => {
      reading = undefined
    })
    begun.then(
      () => (isFailing = false),
      () => (isFailing = true),
    )
    return (reading = begun)
  }

  const isYoungerThan = (ms: number) => known !== undefined && clock() >= known.at && clock() - known.at < ms

  async function uses(): Promise<Uses> {
    if (known && isYoungerThan(KEYS_MS_MAX)) return known.uses
    const asked = readOnce()
    if (known && isFailing && isYoungerThan(KEYS_UNASKED_MS_MAX)) return known.uses
    try {
      return await asked
    } catch (error) {
      if (known && isYoungerThan(KEYS_UNASKED_MS_MAX) && error instanceof FlowGuardError && error.retriable) return known.uses
      throw error
    }
  }

  /** What was read before says nothing any more, nor does what is being read. */
  async function changed(): Promise<void> {
    await reading?.catch(() => undefined)
    known = undefined
  }

  return {
    async addKey(name, hash, use) {
      await tables.addKey(name, hash, use)
      await changed()
    },
    async revokeKey(name) {
      const isRevoked = await tables.revokeKey(name)
      await changed()
      return isRevoked
    },
    async hasKey(hash, use = 'all') {
      const found = (await uses()).get(hash)
      return found !== undefined && (found === 'all' || found === use)
    },
  }
}
