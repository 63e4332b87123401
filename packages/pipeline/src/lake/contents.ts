import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Topic } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { LakeFiles } from './files.ts'
import { entryName, readEntries, sha256Of, type Entry, type ListedFile } from './manifest.ts'
import type { LoadPlace } from '../warehouse/warehouse.ts'
import type { FoundRows, Parquet } from './parquet.ts'

export interface DayInLake {
  topic: Topic
  day: string
  files: number
  rows: number
  bytes: number
}

export interface LakeContents {
  where: string
  entries: number
  files: number
  rows: number
  bytes: number
  days: DayInLake[]
}

/** What the manifest lists, by topic and day. */
export async function contents(files: LakeFiles): Promise<LakeContents> {
  const days = new Map<string, DayInLake>()
  const all: LakeContents = { where: files.where, entries: 0, files: 0, rows: 0, bytes: 0, days: [] }
  for await (const entry of readEntries(files)) {
    all.entries += 1
    for (const { topic, day, rows, bytes } of entry.files) {
      const key = `${topic}/${day}`
      let found = days.get(key)
      if (!found) days.set(key, (found = { topic, day, files: 0, rows: 0, bytes: 0 }))
      for (const each of [found, all]) {
        each.files += 1
        each.rows += rows
        each.bytes += bytes
      }
    }
  }
  all.days = [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, day]) => day)
  return all
}

/** Brings a listed file here and resolves to its path. Throws `store_corrupt` where it is missing, or not what was written. */
export async function fetchFile(files: LakeFiles, { name, sha256, bytes: size }: ListedFile, folder: string): Promise<string> {
  const bytes = await files.get(name)
  if (!bytes) throw new FlowGuardError('store_corrupt', `${files.where}${name} is listed and missing`)
  if (bytes.length !== size || sha256Of(bytes) !== sha256)
    throw new FlowGuardError(
      'store_corrupt',
      `${files.where}${name} is damaged: ${bytes.length} bytes where ${size} were written, or others`,
    )
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
  return path
}

export interface LakeCheck {
  entries: number
  files: number
  rows: number
  faults: string[]
}

interface Checking {
  files: LakeFiles
  parquet: Parquet
  /** For files that are looked at, one after the other. */
  folder: string
  signal: AbortSignal
  onEntry: (number: number) => void
}

/**
 * Reads all of it: every listed file is there as it was written; entry by entry, each partition goes on where it stood, and every record read is in one file,
 * once, or was skipped. What the lake says wrongly is told in `faults`; a manifest that cannot be read throws `store_corrupt`.
 */
export async function check({ files, parquet, folder, signal, onEntry }: Checking): Promise<LakeCheck> {
  const found: LakeCheck = { entries: 0, files: 0, rows: 0, faults: [] }
  let before: Entry | undefined
  for await (const entry of readEntries(files)) {
    if (signal.aborted) break
    const paths = new Map<Topic, string[]>()
    for (const file of entry.files) {
      try {
        const path = await fetchFile(files, file, folder)
        found.faults.push(...fileFaults(file, await parquet.inspect([path])))
        paths.set(file.topic, [...(paths.get(file.topic) ?? []), path])
      } catch (error) {
        if (!(error instanceof FlowGuardError) || error.retriable) throw error
        found.faults.push(error.message)
      }
    }
    const rows = new Map<Topic, readonly FoundRows[]>()
    for (const [topic, own] of paths) rows.set(topic, await parquet.inspect(own))
    for (const place of entry.places) found.faults.push(...placeFaults(entry, before, place, rows.get(place.topic) ?? []))
    for (const path of [...paths.values()].flat()) await rm(path)
    found.entries += 1
    found.files += entry.files.length
    found.rows += entry.files.reduce((sum, each) => sum + each.rows, 0)
    onEntry(entry.number)
    before = entry
  }
  return found
}

function fileFaults({ name, rows, offsets }: ListedFile, inFile: readonly FoundRows[]): string[] {
  const found = inFile.reduce((sum, each) => sum + each.rows, 0)
  const faults = found === rows ? [] : [`${name}: ${found} rows where ${rows} are listed`]
  for (const each of inFile) {
    const listed = offsets.find(({ partition }) => partition === each.partition)
    if (each.offsets !== each.rows) faults.push(`${name}: partition ${each.partition} has ${each.rows} rows of ${each.offsets} offsets`)
    if (listed?.first !== each.first || listed.last !== each.last || listed.rows !== each.rows)
      faults.push(`${name}: partition ${each.partition} is not what is listed`)
  }
  return faults
}

/** The partition goes on where it stood; what is in the entry's files of its topic lies between, each record once, and is as much as was applied. */
function placeFaults(entry: Entry, before: Entry | undefined, place: LoadPlace, inFiles: readonly FoundRows[]): string[] {
  const { topic, partition, next, read, applied, skipped, began, expired, logId } = place
  const name = `${entryName(entry.number)}: ${topic}-${partition}`
  const was = before?.places.find((each) => each.topic === topic && each.partition === partition)
  // Where the log had deleted what was to be read next, it went on behind that.
  const from = (was ? was.next - was.expired : began) + expired
  const own = inFiles.find((each) => each.partition === partition) ?? { rows: 0, offsets: 0, first: from, last: from - 1 }
  const isNew = applied - (was?.applied ?? 0)
  const faults: string[] = []
  if (was && was.logId !== logId) faults.push(`${name}: of the log ${logId}, where it was ${was.logId}`)
  if (read !== applied + skipped) faults.push(`${name}: read ${read}, applied ${applied} and skipped ${skipped}`)
  if (own.rows !== isNew || own.offsets !== own.rows) faults.push(`${name}: ${own.rows} rows of ${own.offsets} records, ${isNew} applied`)
  if (own.first < from || own.last >= next) faults.push(`${name}: rows ${own.first} to ${own.last}, where it went from ${from} to ${next}`)
  return faults
}
