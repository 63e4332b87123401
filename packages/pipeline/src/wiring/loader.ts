import { existsSync, renameSync } from 'node:fs'
import { ATTRIBUTED, RAW_TOPICS } from '@flowguard/contract'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { lockFolder } from '../kernel/lock.ts'
import type { Logger } from '../kernel/logging.ts'
import { guarded } from '../kernel/sqlite.ts'
import { loader, loadToLevel, type LoaderOptions } from '../loader/loader.ts'
import { forgetLoaded, mirrorIn } from '../loader/mirror.ts'
import { FILES } from '../ops/stores.ts'
import { WAREHOUSE } from '../warehouse/schema.ts'
import { rawFeeds, rawLogs, rawLogToAppend } from './logs.ts'
import type { Machine, StartRole } from './machine.ts'
import { openMachine } from './open-machine.ts'
import { batchingOf, needsFile } from './warehouse.ts'

export const start: StartRole = async (machine) => [loader(await optionsOf(machine))]

async function optionsOf(machine: Machine): Promise<LoaderOptions> {
  const { settings, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const { bronze } = await machine.warehouse()
  const feeds = [...(await rawFeeds(machine, RAW_TOPICS)), { log: derived, topics: [ATTRIBUTED] as const }]
  return { bronze, feeds, mirror: mirrorIn(db, path), ...batchingOf(settings), clock, logger }
}

interface Rebuild {
  logger: Logger
  signal: AbortSignal
  /** What is put before the names of the old files, which are kept. */
  asideAs: string
  onLoaded: (records: number) => void
}

/**
 * Makes the warehouse anew from what the logs still keep, in this process: FlowGuard must not run on the folder (`data_locked`). A file that is there is moved
 * aside. Interrupted, the loader goes on where it stopped at the next start.
 */
export async function rebuildWarehouse(settings: Settings, { logger, signal, asideAs, onLoaded }: Rebuild): Promise<void> {
  needsFile(settings, 'warehouse rebuild')
  using _lock = lockFolder(settings.DATA_DIR)
  using _role = lockFolder(settings.DATA_DIR, 'loader')
  await using machine = openMachine(settings, logger, signal)
  // Nobody else makes it, or brings it to the newest schema, while this process has the folder: it would be waited for without an end.
  const raw = machine.path(FILES.raw)
  const isFile = rawLogs(settings).some(({ address }) => address.engine === 'sqlite')
  if (isFile && !existsSync(raw)) throw new FlowGuardError('store_missing', `${raw} is not there: there is nothing to load from`)
  await rawLogToAppend(machine)
  const { db, path } = await machine.pipeline()
  for (const name of [WAREHOUSE.file, `${WAREHOUSE.file}.wal`]) {
    const file = machine.path(name)
    if (existsSync(file)) guarded(file, () => renameSync(file, machine.path(`${asideAs}${name}`)))
  }
  guarded(path, () => forgetLoaded(db))
  await loadToLevel(await optionsOf(machine), signal, onLoaded)
}
