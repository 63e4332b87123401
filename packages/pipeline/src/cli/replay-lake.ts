import { rm } from 'node:fs/promises'
import { isDay, ORDERS, RAW_TOPICS, type Topic } from '@flowguard/contract'
import { InvalidArgumentError, type Command, Option } from 'commander'
import type { Settings } from '../kernel/config.ts'
import { sender } from '../lake/as-sent.ts'
import { fetchFile } from '../lake/contents.ts'
import { readEntries, sha256Of, type ListedFile } from '../lake/manifest.ts'
import { openLake, type OpenLake } from '../wiring/lake.ts'
import type { EventSource, FileEvent, ReadOptions } from './replay-file.ts'

/** What of a lake is sent: days of event time, both ends among them. */
export interface LakeChoice {
  from?: string
  to?: string
  topic?: string
}

export const isLakeAddress = (path: string): boolean => path === 'lake' || /^(?:s3|file):/.test(path)

export function withLakeOptions(command: Command): Command {
  return command
    .option('--from <day>', 'of a lake: from this day on, by event time', day)
    .option('--to <day>', 'of a lake: up to and with this day', day)
    .addOption(new Option('--topic <topic>', 'of a lake: only what this topic holds').choices(RAW_TOPICS))
}

function day(text: string): string {
  if (!isDay(text)) throw new InvalidArgumentError('It must be a day, 2026-01-31.')
  return text
}

/**
 * What a lake lists, as events to be sent: in the order of event time, hour by hour, so that it needs no more room than an hour takes. `address` is `lake` (that
 * of the settings), or any other.
 */
export async function openLakeSource(settings: Settings, address: string, choice: LakeChoice, signal: AbortSignal): Promise<EventSource> {
  const lake = openLake(settings, address === 'lake' ? undefined : address)
  try {
    const listed = await chosen(lake, choice)
    const hours = [...Map.groupBy(listed, ({ day, hour }) => `${day} ${String(hour).padStart(2, '0')}`)].sort(([a], [b]) =>
      a < b ? -1 : 1,
    )
    return {
      path: lake.files.where,
      name: 'lake',
      unit: 'row',
      bytes: listed.reduce((sum, { bytes }) => sum + bytes, 0),
      // Of what its files hold: their names say it, for each has its own hash in it.
      sha256: sha256Of(
        listed
          .map(({ name }) => name)
          .sort()
          .join('\n'),
      ),
      read: (options) =>
        readHours(
          lake,
          hours.map(([, files]) => files),
          signal,
          options,
        ),
      [Symbol.asyncDispose]: () => lake[Symbol.asyncDispose](),
    }
  } catch (error) {
    await lake[Symbol.asyncDispose]()
    throw error
  }
}

async function chosen({ files }: OpenLake, { from, to, topic }: LakeChoice): Promise<ListedFile[]> {
  const found: ListedFile[] = []
  for await (const entry of readEntries(files)) {
    found.push(
      ...entry.files.filter(
        (file) =>
          (topic === undefined ? (RAW_TOPICS as readonly Topic[]).includes(file.topic) : file.topic === topic) &&
          (from === undefined || file.day >= from) &&
          (to === undefined || file.day <= to),
      ),
    )
  }
  return found
}

async function* readHours(
  lake: OpenLake,
  hours: readonly (readonly ListedFile[])[],
  signal: AbortSignal,
  { afterLine = 0, onBytes }: ReadOptions = {},
): AsyncGenerator<FileEvent[]> {
  const asSent = sender(await addressedIn(lake, hours.flat()))
  let line = 0
  let bytes = 0
  for (const files of hours) {
    const rows = files.reduce((sum, each) => sum + each.rows, 0)
    if (signal.aborted) return
    // An hour of which all has been sent need not be brought here; but of orders its ids are needed.
    const isPast = line + rows <= afterLine && !files.some(({ topic }) => topic === ORDERS)
    if (isPast) line += rows
    else {
      for await (const records of reading(lake, files, signal)) {
        yield records.map((record): FileEvent => {
          line += 1
          const event = asSent(record)
          return 'fault' in event ? { line, ...event } : { line, ...event, hasId: true }
        })
      }
    }
    bytes += files.reduce((sum, each) => sum + each.bytes, 0)
    onBytes?.(bytes)
  }
}

async function* reading({ files, parquet, folder }: OpenLake, listed: readonly ListedFile[], signal: AbortSignal) {
  const paths: string[] = []
  try {
    for (const file of listed) paths.push(await fetchFile(files, file, folder))
    yield* parquet.read(paths, signal)
  } finally {
    for (const path of paths) await rm(path, { force: true })
  }
}

async function addressedIn({ files, parquet, folder }: OpenLake, listed: readonly ListedFile[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const file of listed.filter(({ topic }) => topic === ORDERS)) {
    const path = await fetchFile(files, file, folder)
    for (const id of await parquet.addressedOrders([path])) found.add(id)
    await rm(path)
  }
  return found
}
