import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { erasedText, formsOf, isTelling, type Person } from './person.ts'
import { isWritten, mentions } from './search.ts'

const CHUNK_BYTES = 4 * 1024 * 1024
/** What the search looks at on either side of an id is shorter. */
const BESIDE_BYTES = 16

/** Every file of a folder, however deep, by its path. */
function* filesUnder(folder: string): Generator<string> {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) yield join(entry.parentPath, entry.name)
}

/**
 * Files in whose very bytes the person is, whatever the files are: also where a store keeps what it no longer needs. Only of an id that means nobody else; what is packed
 * (Parquet, DuckDB) shows nothing here, and is searched through by whoever can read it.
 */
export function filesMentioning(folder: string, person: Person, isLeftOut: (name: string) => boolean): string[] {
  if (!isTelling(person.id)) return []
  return [...filesUnder(folder)]
    .map((path) => relative(folder, path))
    .filter((name) => !isLeftOut(name) && bytesMention(join(folder, name), person))
}

function bytesMention(path: string, person: Person): boolean {
  const file = openSync(path, 'r')
  try {
    const overlap = 2 * Buffer.byteLength(formsOf(person.id)[0] as string) + BESIDE_BYTES
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let at = 0; ;) {
      const read = readSync(file, chunk, 0, CHUNK_BYTES, at)
      // One character a byte, so that an id of other letters is found by its bytes too.
      const id = Buffer.from(person.id).toString('latin1')
      if (mentions(chunk.toString('latin1', 0, read), { ...person, id })) return true
      if (read < CHUNK_BYTES) return false
      at += read - overlap
    }
  } finally {
    closeSync(file)
  }
}

/** The logs that our processes wrote, a line of JSON each. Resolves to the lines changed, by file. */
export function eraseFromLogs(folder: string, person: Person): Map<string, number> {
  const found = new Map<string, number>()
  for (const path of filesUnder(folder)) {
    const lines = readFileSync(path, 'utf8').split('\n')
    const erased = lines.map((line) => (isWritten(line, person.id) ? erasedText(line, person) : line))
    const changed = erased.filter((line, at) => line !== lines[at]).length
    if (changed === 0) continue
    writeFileSync(`${path}.new`, erased.join('\n'))
    renameSync(`${path}.new`, path)
    found.set(relative(folder, path), changed)
  }
  return found
}

export function searchLogs(folder: string, person: Person): Map<string, number> {
  const found = new Map<string, number>()
  for (const path of filesUnder(folder)) {
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => isWritten(line, person.id) && mentions(line, person)).length
    if (lines > 0) found.set(relative(folder, path), lines)
  }
  return found
}
