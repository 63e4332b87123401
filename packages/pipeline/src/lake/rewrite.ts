import { readFile, rm } from 'node:fs/promises'
import { step } from '../kernel/crash.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { fetchFile } from './contents.ts'
import type { LakeFiles } from './files.ts'
import { countEntries, encodeEntry, entryName, fileName, readEntry, sha256Of, type Entry, type ListedFile } from './manifest.ts'
import type { OwnedRow, Parquet } from './parquet.ts'
import { forgetPending, notePending, sweep } from './upkeep.ts'

export interface Rewriting {
  files: LakeFiles
  parquet: Parquet
  /** For files that are looked at, one after the other. */
  folder: string
  clock: Clock
  logger: Logger
  /** Rows in which none of them stands are not asked about. */
  texts: readonly string[]
  change: (row: OwnedRow) => OwnedRow
  onEntry: (number: number, of: number) => void
}

/**
 * Changes rows of the lake where they lie: the one thing that puts an entry again. Records, places and books stay what they were, so that whoever reads the manifest finds
 * the same lake. A file that changes is put under a new name; then the entry that lists it gives way to one that lists the new file, and the old one goes. Killed in between,
 * the files that no entry lists are found by the note of them, and the next call goes on. No lake may be at work. Resolves to the rows changed.
 */
export async function rewriteLake(options: Rewriting): Promise<number> {
  const { files, clock, logger, onEntry } = options
  const last = await countEntries(files)
  // What an earlier call left, or a lake that was killed: no entry lists it, so nobody would change it.
  await sweep(files, last, { clock, logger, isAlone: true })
  let rows = 0
  for (let number = 1; number <= last; number += 1) {
    const entry = await readEntry(files, number)
    const changed = await rewriteFiles(options, entry)
    if (changed.length > 0) {
      const names = changed.flatMap(({ from, to }) => [from.name, to.name])
      const note = await notePending(files, number, names, clock())
      for (const { to, path } of changed) {
        await files.put(to.name, await readFile(path))
        await rm(path)
      }
      step('erase.after-lake-file')
      const listed = entry.files.map((file) => changed.find(({ from }) => from === file)?.to ?? file)
      await files.put(entryName(number), encodeEntry({ ...entry, files: listed }))
      step('erase.after-lake-entry')
      for (const { from, to } of changed) if (from.name !== to.name) await files.remove(from.name)
      await forgetPending(files, note, logger)
    }
    rows += changed.reduce((sum, each) => sum + each.rows, 0)
    onEntry(number, last)
  }
  return rows
}

async function rewriteFiles({ files, parquet, folder, texts, change }: Rewriting, { number, files: listed }: Entry) {
  const paths = new Map<string, ListedFile>()
  for (const file of listed) paths.set(await fetchFile(files, file, folder), file)
  const changed: { from: ListedFile; to: ListedFile; path: string; rows: number }[] = []
  for (const { path, out, rows } of await parquet.rewrite([...paths.keys()], texts, change)) {
    const from = paths.get(path) as ListedFile
    const bytes = await readFile(out)
    const sha256 = sha256Of(bytes)
    changed.push({ from, to: { ...from, name: fileName(from, number, sha256), bytes: bytes.length, sha256 }, path: out, rows })
  }
  for (const path of paths.keys()) await rm(path)
  return changed
}
