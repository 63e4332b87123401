import { createHmac, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { FlowGuardError } from '../kernel/errors.ts'
import { guarded } from '../kernel/sqlite.ts'

/** In the data folder. */
export const ERASED_FILE = 'erased.json'

/** Who was erased, as whoever reads events needs to know it. */
export interface ErasedPeople {
  /** What the events of this user are to be read as; undefined where nobody of that name was erased. */
  readonly pseudonymOf: (userId: string) => string | undefined
  /** Whether the log's record tells of one of them, though it is another's. */
  readonly isNamedIn: (logId: string, record: RecordPlace) => boolean
}

export interface RecordPlace {
  topic: string
  partition: number
  offset: number
}

interface Erased {
  /** Of the user's id, with the list's own key: the list names nobody. */
  hash: string
  asked_at: string
  /** Null until every store was searched through, and nobody found. */
  done_at: string | null
}

interface List {
  format: typeof FORMAT
  key: string
  people: Erased[]
  /** Records of a log in which others tell of them, as `placeText` says: their ids are not known any more by which they would be found there. */
  named_in: string[]
}

const FORMAT = 1
const KEY_BYTES = 32
const PSEUDONYM = 'erased-'
const PSEUDONYM_CHARS = 20
/** Users that were asked for lately: each record asks. */
const KNOWN_COUNT_MAX = 100_000

/** The people erased from a data folder; undefined where it is nobody, so that nobody pays for it. Throws `file_invalid`. */
export function readErased(path: string): ErasedPeople | undefined {
  const list = readList(path)
  if (!list || list.people.length === 0) return undefined
  const hashes = new Set(list.people.map(({ hash }) => hash))
  const named = new Set(list.named_in)
  const known = new Map<string, string | undefined>()
  return {
    pseudonymOf(userId) {
      if (known.has(userId)) return known.get(userId)
      const hash = hashOf(list, userId)
      const pseudonym = hashes.has(hash) ? pseudonymOf(hash) : undefined
      if (known.size >= KNOWN_COUNT_MAX) known.clear()
      known.set(userId, pseudonym)
      return pseudonym
    },
    isNamedIn: (logId, place) => named.size > 0 && named.has(placeText(logId, place)),
  }
}

const placeText = (logId: string, { topic, partition, offset }: RecordPlace) => `${logId}/${topic}-${partition}-${offset}`

/** What the person is called from now on: the same however often it is asked, whether or not they are on the list. Changes nothing. */
export function pseudonymIn(path: string, userId: string): string | undefined {
  const list = readList(path)
  return list && pseudonymOf(hashOf(list, userId))
}

/**
 * Puts the person on the list, and the records of others that tell of them, before anything is changed: whoever reads events from then on applies it. Survives `kill -9`
 * once it returns.
 */
export function addErased(
  path: string,
  userId: string,
  named: { logId: string; places: readonly RecordPlace[] } | undefined,
  now: number,
): string {
  const list = readList(path) ?? { format: FORMAT, key: randomBytes(KEY_BYTES).toString('base64url'), people: [], named_in: [] }
  const hash = hashOf(list, userId)
  if (!list.people.some((each) => each.hash === hash)) list.people.push({ hash, asked_at: new Date(now).toISOString(), done_at: null })
  const before = new Set(list.named_in)
  for (const place of named?.places ?? []) before.add(placeText((named as { logId: string }).logId, place))
  writeList(path, { ...list, named_in: [...before] })
  return pseudonymOf(hash)
}

export function noteDone(path: string, userId: string, now: number): void {
  const list = readList(path)
  if (!list) return
  const hash = hashOf(list, userId)
  for (const each of list.people) if (each.hash === hash) each.done_at = new Date(now).toISOString()
  writeList(path, list)
}

/** When those were asked for whose erasure was not finished, the first of them first; undefined where there is no list. */
export function unfinishedIn(path: string): string[] | undefined {
  return readList(path)
    ?.people.filter(({ done_at: done }) => done === null)
    .map(({ asked_at: asked }) => asked)
}

/** Whether it is what we put in a person's place. */
export const isPseudonym = (userId: string): boolean => new RegExp(`^${PSEUDONYM}[0-9a-f]{${PSEUDONYM_CHARS}}$`).test(userId)

const hashOf = ({ key }: List, userId: string) => createHmac('sha256', Buffer.from(key, 'base64url')).update(userId).digest('hex')
const pseudonymOf = (hash: string) => `${PSEUDONYM}${hash.slice(0, PSEUDONYM_CHARS)}`

function readList(path: string): List | undefined {
  if (!existsSync(path)) return undefined
  const text = guarded(path, () => readFileSync(path, 'utf8'))
  let list: Partial<List>
  try {
    list = JSON.parse(text) as Partial<List>
  } catch (error) {
    throw new FlowGuardError('file_invalid', `${path}: ${(error as Error).message}`, error)
  }
  // To go on without it would bring people back.
  const isList =
    typeof list.key === 'string' &&
    Array.isArray(list.named_in) &&
    Array.isArray(list.people) &&
    list.people.every(({ hash }) => typeof hash === 'string')
  if (list.format !== FORMAT || !isList) throw new FlowGuardError('file_invalid', `${path} is not a list of erased people`)
  return list as List
}

/** Written aside, flushed, then given its name. */
function writeList(path: string, list: List): void {
  guarded(path, () => {
    const aside = `${path}.new`
    const file = openSync(aside, 'w', 0o600)
    writeSync(file, `${JSON.stringify(list, undefined, 2)}\n`)
    fsyncSync(file)
    closeSync(file)
    renameSync(aside, path)
    if (process.platform === 'win32') return
    const folder = openSync(dirname(path), 'r')
    fsyncSync(folder)
    closeSync(folder)
  })
}
