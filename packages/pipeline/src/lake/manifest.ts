import { createHash } from 'node:crypto'
import { isDay, TOPICS, type Topic } from '@flowguard/contract'
import { FlowGuardError } from '../kernel/errors.ts'
import type { LoadPlace } from '../warehouse/warehouse.ts'
import { isLakeName, type LakeFiles } from './files.ts'

/**
 * The manifest says what the lake holds: a numbered list of entries, each put once and never changed, but for an erasure (rewrite.ts). Entry n lists the files that its lake wrote down after entry
 * n - 1, and where that lake stood after them. To make entry n is to commit: files that no entry lists are no part of the lake, and of two lakes at work only
 * one can make it.
 */
export interface Entry {
  format: typeof FORMAT
  number: number
  /** RFC 3339. */
  written_at: string
  files: readonly ListedFile[]
  /** All partitions, also those that have not moved: whoever goes on reads the last entry alone. */
  places: readonly LoadPlace[]
}

/** One Parquet file: records of one topic whose event time (of what has none, the time of appending) lies in one hour of UTC. */
export interface ListedFile {
  name: string
  topic: Topic
  /** `2026-01-31` */
  day: string
  /** 0 to 23 */
  hour: number
  rows: number
  bytes: number
  /** Of its bytes, in hex. */
  sha256: string
  /** The lowest and the highest event time in it, ms since 1970; null where no record has one. */
  min_ts: number | null
  max_ts: number | null
  offsets: readonly { partition: number; first: number; last: number; rows: number }[]
}

const FORMAT = 1
const DIGITS = 12
const NAME_HASH_CHARS = 16
/** Spark and Hive pass over folders whose names begin so: to them the lake is its events alone. */
const MANIFEST = '_manifest/'

export const numbered = (number: number): string => String(number).padStart(DIGITS, '0')
export const entryName = (number: number): string => `${MANIFEST}${numbered(number)}.json`

/** One hour of a topic, as Hive names its partitions: Spark and DuckDB read topic, day and hour out of it, and pass over what is not asked for. */
export function hourFolder(topic: Topic, day: string, hour: number): string {
  return `topic=${topic}/day=${day}/hour=${String(hour).padStart(2, '0')}`
}

/** By the entry that is to list it and by its content: no two contents ever have one name, whoever writes them. */
export function fileName({ topic, day, hour }: Pick<ListedFile, 'topic' | 'day' | 'hour'>, number: number, sha256: string): string {
  return `${hourFolder(topic, day, hour)}/${numbered(number)}-${sha256.slice(0, NAME_HASH_CHARS)}.parquet`
}

/** The entry behind a checksum of itself: it is small, and what it says wrongly everybody would believe. */
export function encodeEntry(entry: Entry): Uint8Array {
  const text = JSON.stringify(entry)
  return Buffer.from(`{"sha256":"${sha256Of(text)}","entry":${text}}\n`)
}

export function sha256Of(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Throws `store_corrupt` that names the file, or `store_newer`. */
function decodeEntry(where: string, number: number, bytes: Uint8Array): Entry {
  const name = `${where}${entryName(number)}`
  let read: { sha256?: unknown; entry?: Entry }
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as typeof read
  } catch (error) {
    throw new FlowGuardError('store_corrupt', `${name} is damaged: ${(error as Error).message}`, error)
  }
  const { entry, sha256 } = read
  if (!entry || sha256Of(JSON.stringify(entry)) !== sha256)
    throw new FlowGuardError('store_corrupt', `${name} is damaged: its checksum is another`)
  if (entry.format !== FORMAT)
    throw new FlowGuardError('store_newer', `${name} is of format ${String(entry.format)}; this FlowGuard knows another`)
  const isPlain = ({ name, topic, day }: ListedFile) => isLakeName(name) && TOPICS.includes(topic) && isDay(day)
  if (entry.number !== number || !entry.files.every(isPlain))
    throw new FlowGuardError('store_corrupt', `${name} is not what a lake writes: it is entry ${entry.number}`)
  return entry
}

/** How many entries there are. Throws `store_corrupt` where one is missing in the middle. */
export async function countEntries(files: LakeFiles): Promise<number> {
  let last = 0
  for await (const { name } of files.list(MANIFEST)) {
    const number = Number(/^_manifest\/(\d{12})\.json$/.exec(name)?.[1])
    // What somebody else has put there.
    if (Number.isNaN(number)) continue
    if (number !== last + 1) throw new FlowGuardError('store_corrupt', `${files.where}${entryName(last + 1)} is missing; ${name} is there`)
    last = number
  }
  return last
}

/** Throws `store_corrupt` where there is none. */
export async function readEntry(files: LakeFiles, number: number): Promise<Entry> {
  const bytes = await files.get(entryName(number))
  if (!bytes) throw new FlowGuardError('store_corrupt', `${files.where}${entryName(number)} is missing`)
  return decodeEntry(files.where, number, bytes)
}

const AT_ONCE_COUNT = 16

/** Every entry there was when it was asked, in order. */
export async function* readEntries(files: LakeFiles): AsyncGenerator<Entry> {
  const last = await countEntries(files)
  for (let from = 1; from <= last; from += AT_ONCE_COUNT) {
    const numbers = Array.from({ length: Math.min(AT_ONCE_COUNT, last - from + 1) }, (_, at) => from + at)
    yield* await Promise.all(numbers.map((number) => readEntry(files, number)))
  }
}
