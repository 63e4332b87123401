import type { Database } from '../database/database.ts'
import { isLoopback, VERSION, type Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { aborted, type Part } from '../kernel/lifecycle.ts'
import type { Machine } from './machine.ts'

/** What every HTTP server is given. */
export function served({ settings, clock, logger }: Machine) {
  return {
    clock,
    logger,
    version: VERSION,
    environment: settings.ENVIRONMENT,
    dataDir: settings.DATA_DIR,
    corsOrigins: settings.CORS_ORIGINS.split(','),
    rateLimit: Number(settings.RATE_LIMIT),
  }
}

/** At the signal; the machine closes it too, for where a role after it cannot start: a server that still listened would hold the process. */
export function closingAtStop({ close }: { close: () => Promise<void> }): Part {
  return async (signal) => {
    await aborted(signal)
    await close()
  }
}

/** Whether writing needs a key here. Throws `keys_required` where it does and there is none that may do all: nobody could read what was written. */
export async function keysNeeded({ WRITE_KEYS, HOST }: Settings, database: Database): Promise<boolean> {
  if (WRITE_KEYS === 'off' || (WRITE_KEYS === 'auto' && isLoopback(HOST))) return false
  const usable = (await database.keys()).filter(({ revokedAt, use }) => revokedAt === null && use === 'all')
  if (usable.length === 0)
    throw new FlowGuardError(
      'keys_required',
      `HOST is ${HOST}, WRITE_KEYS ${WRITE_KEYS}, and there is no write key that may do more than send events`,
    )
  return true
}
