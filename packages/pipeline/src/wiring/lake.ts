import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ATTRIBUTED, RAW_TOPICS } from '@flowguard/contract'
import { parseAddress } from '../kernel/addresses.ts'
import type { Settings } from '../kernel/config.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { guarded } from '../kernel/sqlite.ts'
import { folderLake } from '../lake/adapters/folder.ts'
import { duckdbParquet } from '../lake/adapters/parquet-duckdb.ts'
import { s3Lake } from '../lake/adapters/s3.ts'
import type { LakeFiles } from '../lake/files.ts'
import { lake } from '../lake/lake.ts'
import type { Parquet } from '../lake/parquet.ts'
import { forgetLoaded, LAKE, mirrorIn } from '../loader/mirror.ts'
import { rawFeeds } from './logs.ts'
import type { StartRole } from './machine.ts'

/** In the data folder: where the lake is unless the settings say otherwise. */
export const LAKE_FOLDER = 'lake'
/** For what is on its way into the lake: on the disk of the data folder, whatever the lake is on. */
const WAY = 'lake.tmp'

export const start: StartRole = async (machine) => {
  const { settings, clock, logger, closing } = machine
  const { db, path, derived } = await machine.pipeline()
  if (settings.LAKE_URL === 'off') {
    // Nobody is to wait for a reader that does not come.
    guarded(path, () => forgetLoaded(db, LAKE))
    return []
  }
  const feeds = [...(await rawFeeds(machine, RAW_TOPICS)), { log: derived, topics: [ATTRIBUTED] as const }]
  const files = closing.use(lakeFilesOf(settings))
  const parquet = duckdbParquet(machine.path(WAY))
  const limits = { rowsMax: Number(settings.LAKE_ROWS), ageMs: Number(settings.LAKE_AGE_MS) }
  return [lake({ files, parquet, feeds, mirror: mirrorIn(db, path, LAKE), ...limits, clock, logger })]
}

/** The lake to look at; what is brought here of it lies in `folder`, which goes with it. */
export interface OpenLake extends AsyncDisposable {
  files: LakeFiles
  parquet: Parquet
  folder: string
}

/**
 * The lake of the settings, or of another address (`file:FOLDER`, `s3://bucket/prefix`). `within`: where what is brought here of it lies. Throws `settings_invalid` where
 * there is none.
 */
export function openLake(settings: Settings, address: string = settings.LAKE_URL, within: string = tmpdir()): OpenLake {
  const files = filesAt(address, settings)
  const folder = mkdtempSync(join(within, 'flowguard-lake-'))
  return {
    files,
    parquet: duckdbParquet(join(folder, 'duckdb')),
    folder,
    async [Symbol.asyncDispose]() {
      await files[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Where the lake of the settings is. Throws `settings_invalid` where there is none. */
export const lakeFilesOf = (settings: Settings): LakeFiles => filesAt(settings.LAKE_URL, settings)

/** Of an address with none, and of another. */
export const lakeFolder = (path: string, { DATA_DIR }: Settings): string => (path === '' ? join(DATA_DIR, LAKE_FOLDER) : path)
/** The names that Amazon's own tools go by, so that what is set for them is set for the lake. */
export const s3Endpoint = (): string | undefined => process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL']

function filesAt(text: string, settings: Settings): LakeFiles {
  const address = parseAddress(text)
  if (address?.engine === 'file') return folderLake(lakeFolder(address.path, settings))
  if (address?.engine !== 's3')
    throw new FlowGuardError(
      'settings_invalid',
      text === 'off' ? 'there is no lake: LAKE_URL is off' : `${text} is not the address of a lake`,
    )
  const { bucket, prefix } = address
  return s3Lake({ bucket, prefix, endpoint: s3Endpoint() })
}
