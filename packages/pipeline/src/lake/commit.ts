import { readFile } from 'node:fs/promises'
import { step } from '../kernel/crash.ts'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { BACKOFF, backoffMs } from '../kernel/retry.ts'
import type { LoadPlace } from '../warehouse/warehouse.ts'
import type { LakeFiles } from './files.ts'
import { encodeEntry, entryName, fileName, readEntry, sha256Of, type ListedFile } from './manifest.ts'
import type { Stage, WrittenFile } from './parquet.ts'
import { forgetPending, notePending } from './upkeep.ts'

/** Where a lake stands: the number of its last entry, and the places after it. */
export interface LakeStand {
  number: number
  places: LoadPlace[]
}

interface Committing {
  files: LakeFiles
  clock: Clock
  logger: Logger
  /** A file is in the lake, of some that are to be. */
  onPut: () => void
}

/** So many files are on their way at once. */
const PUTS_AT_ONCE_COUNT = 8

/**
 * Puts the files, then the entry that lists them: that one step is the commit. Throws `place_moved` where another lake has made the entry; then nothing of this
 * is in the lake. Moves `stand` where it came through.
 */
export async function commit(options: Committing, stand: LakeStand, stage: Stage, signal: AbortSignal): Promise<void> {
  const { files, clock, logger, onPut } = options
  const number = stand.number + 1
  const patient = <T>(work: () => Promise<T>) =>
    patiently(work, signal, (error, tries) => logger.warn({ err: error, tries }, 'the lake cannot be written; trying again'))
  const written = await patient(() => stage.write())
  const listed: { file: ListedFile; path: string }[] = []
  for (const each of written) listed.push({ file: await listedFile(each, number), path: each.path })
  const pending = await patient(() =>
    notePending(
      files,
      number,
      listed.map(({ file }) => file.name),
      clock(),
    ),
  )
  for (let from = 0; from < listed.length; from += PUTS_AT_ONCE_COUNT) {
    await Promise.all(
      listed.slice(from, from + PUTS_AT_ONCE_COUNT).map(async ({ file, path }) => {
        const bytes = await readFile(path)
        await patient(() => files.put(file.name, bytes))
        onPut()
        step('lake.after-file')
      }),
    )
  }
  const places = stand.places.map((place) => moved(place, stage))
  const entry = encodeEntry({
    format: 1,
    number,
    written_at: new Date(clock()).toISOString(),
    files: listed.map(({ file }) => file),
    places,
  })
  step('lake.before-manifest')
  const isMade = await patient(() => files.create(entryName(number), entry))
  // A try that failed may have made it all the same.
  if (!isMade && !(await patient(() => isOurs(options, number, entry)))) {
    await readEntry(files, number)
    throw new FlowGuardError('place_moved', `another lake has written ${files.where}${entryName(number)}`)
  }
  step('lake.after-manifest')
  Object.assign(stand, { number, places })
  await forgetPending(files, pending, logger)
}

async function listedFile({ path, ...file }: WrittenFile, number: number): Promise<ListedFile> {
  const bytes = await readFile(path)
  const sha256 = sha256Of(bytes)
  return { name: fileName(file, number, sha256), ...file, bytes: bytes.length, sha256 }
}

function moved(place: LoadPlace, { steps }: Stage): LoadPlace {
  const own = steps.find((each) => each.topic === place.topic && each.partition === place.partition)
  if (!own) return place
  const { next, read, applied, skipped } = own
  return { ...place, next, read: place.read + read, applied: place.applied + applied, skipped: place.skipped + skipped }
}

async function isOurs({ files }: Committing, number: number, entry: Uint8Array): Promise<boolean> {
  const there = await files.get(entryName(number))
  return there !== undefined && Buffer.compare(there, entry) === 0
}

/** Does the work again until it succeeds or fails for good. Once the signal has aborted it is tried once and no more. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal, onFailure: (error: unknown, tries: number) => void): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof FlowGuardError && error.retriable) || signal.aborted) throw error
      onFailure(error, tries)
      await pause(backoffMs(tries, BACKOFF), signal)
    }
  }
}
