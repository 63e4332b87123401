import { readFile, rm } from 'node:fs/promises'
import { step } from '../kernel/crash.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { fetchFile } from './contents.ts'
import type { LakeFiles } from './files.ts'
import { countEntries, encodeEntry, entryName, fileName, readEntry, sha256Of, type ListedFile } from './manifest.ts'
import type { OwnedRow, Parquet } from './parquet.ts'
import { forgetPending, notePending, sweep } from './upkeep.ts'

export interface Rewriting {
  files: LakeFiles
  parquet: Parquet
  /** For files that are looked at, one after the other. */
  folder: string
  clock: Clock
  logger: Logger
  /** Rows in which it does not stand are not asked about. */
  text: string
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
  // What an earlier call left, however short a time ago: nobody else is at it.
  await sweep(files, last, { clock: () => Number.MAX_SAFE_INTEGER, logger })
  let rows = 0
  for (let number = 1; number <= last; number += 1) {
    const entry = await readEntry(files, number)
    const changed: { from: ListedFile; to: ListedFile; path: string; rows: number }[] = []
    for (const from of entry.files) {
      const found = await rewriteFile(options, from, number)
      if (found) changed.push(found)
    }
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

async function rewriteFile({ files, parquet, folder, text, change }: Rewriting, from: ListedFile, number: number) {
  const path = await fetchFile(files, from, folder)
  const out = `${path}.new`
  try {
    const rows = await parquet.rewrite(path, out, text, change)
    if (rows === 0) return undefined
    const bytes = await readFile(out)
    const sha256 = sha256Of(bytes)
    return { from, to: { ...from, name: fileName(from, number, sha256), bytes: bytes.length, sha256 }, path: out, rows }
  } finally {
    await rm(path)
  }
}
