import { FlowGuardError } from '../kernel/errors.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { isLakeName, type LakeFiles } from './files.ts'
import { numbered, readEntry, sha256Of } from './manifest.ts'

const MARK = '_lake.json'
const PENDING = '_pending/'
const FORMAT = 1
/** What an entry's loser left is removed so long after: it may be slow, and still be at it. It can do no harm, for its entry is made. */
const LEFT_MS_MIN = 600_000

/** Throws `lake_unfenced` where the store writes over what is there already: two lakes could write one entry then. */
export async function proveFence(files: LakeFiles, name = MARK): Promise<void> {
  const mark = Buffer.from(`${JSON.stringify({ lake: 'flowguard', format: FORMAT })}\n`)
  await files.create(name, mark)
  if (await files.create(name, mark)) throw new FlowGuardError('lake_unfenced', `${files.where} makes a file that is there already`)
}

interface Pending {
  number: number
  noted_at: string
  files: readonly string[]
}

/** Says which files are about to be put for an entry, so that they are found again where that never comes. Resolves to the note's name. */
export async function notePending(files: LakeFiles, number: number, names: readonly string[], now: number): Promise<string> {
  const name = `${PENDING}${numbered(number)}-${sha256Of(names.join('\n')).slice(0, 16)}.json`
  const note: Pending = { number, noted_at: new Date(now).toISOString(), files: names }
  await files.put(name, Buffer.from(JSON.stringify(note)))
  return name
}

export async function forgetPending(files: LakeFiles, name: string, logger: Logger): Promise<void> {
  try {
    await files.remove(name)
  } catch (error) {
    if (!(error instanceof FlowGuardError)) throw error
    logger.warn({ err: error }, 'a note of the lake stays; the next start removes it')
  }
}

interface Sweeping {
  clock: Clock
  logger: Logger
  /** No lake is at work, so nothing is on its way: what is meant for an entry to come goes as well, and however new it is. */
  isAlone?: boolean
}

/** Removes what was put for an entry that another has made: nobody can list it any more. What is meant for an entry to come stays. */
export async function sweep(files: LakeFiles, last: number, { clock, logger, isAlone = false }: Sweeping): Promise<void> {
  for await (const { name } of files.list(PENDING)) {
    const pending = noteIn(await files.get(name))
    if (!pending) continue
    const isOnItsWay = pending.number > last || clock() - Date.parse(pending.noted_at) < LEFT_MS_MIN
    if (isOnItsWay && !isAlone) continue
    const kept = pending.number > last ? [] : (await readEntry(files, pending.number)).files
    const left = pending.files.filter((each) => !kept.some((file) => file.name === each))
    for (const each of left) await files.remove(each)
    await files.remove(name)
    if (left.length > 0) logger.info({ files: left.length }, 'files that no entry lists were removed from the lake')
  }
}

function noteIn(bytes: Uint8Array | undefined): Pending | undefined {
  if (!bytes) return undefined
  try {
    const { number, noted_at, files } = JSON.parse(Buffer.from(bytes).toString()) as Partial<Pending>
    const isNote = Number.isSafeInteger(number) && typeof noted_at === 'string' && Array.isArray(files) && files.every(isLakeName)
    return isNote ? ({ number, noted_at, files } as Pending) : undefined
  } catch {
    return undefined
  }
}
