import { hash } from 'node:crypto'
import type { KeyUse } from '../database/database.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { silentLogger } from '../kernel/logging.ts'
import { openDatabaseReader } from './edge-stores.ts'
import { openMachine } from './open-machine.ts'

export interface KeysNow {
  valid: number
  /** Of these, which may do everything. */
  operators: number
  /** What the key of the store's pages may do; undefined where it is none of them. */
  ofPages: KeyUse | undefined
}

/** The write keys, wherever the tables are; none where there are no tables yet, or they cannot be read. */
export async function keysNow(settings: Settings): Promise<KeysNow> {
  try {
    await using machine = openMachine(settings, silentLogger, new AbortController().signal)
    await using database = await openDatabaseReader(machine)
    const valid = (await database.keys()).filter(({ revokedAt }) => revokedAt === null)
    const ofPages = hash('sha256', settings.PUBLIC_WRITE_KEY)
    const mayAll = await database.hasKey(ofPages, 'all')
    return {
      valid: valid.length,
      operators: valid.filter(({ use }) => use === 'all').length,
      ofPages: mayAll ? 'all' : (await database.hasKey(ofPages, 'events')) ? 'events' : undefined,
    }
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    return { valid: 0, operators: 0, ofPages: undefined }
  }
}
