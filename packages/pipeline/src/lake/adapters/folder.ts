import { randomUUID } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { FlowGuardError } from '../../kernel/errors.ts'
import { storeError } from '../../kernel/sqlite.ts'
import type { LakeFile, LakeFiles } from '../files.ts'

/** Where files are written before they have their name. Hidden, so that no listing meets it; on the same disk, so that a name can be given at once. */
const ASIDE = '.aside'
/** What lies there longer was left by a process that died. */
const ASIDE_MS_MAX = 3_600_000

/** A folder as a lake: files are written aside, flushed, and then given their name. */
export function folderLake(root: string): LakeFiles {
  const pathOf = (name: string) => join(root, name)
  let made: Promise<void> | undefined

  async function aside<T>(name: string, bytes: Uint8Array, give: (from: string, to: string) => Promise<T>): Promise<T> {
    const from = join(root, ASIDE, randomUUID())
    const to = pathOf(name)
    await (made ??= prepare(root).catch((error: unknown) => {
      made = undefined
      throw error
    }))
    try {
      await writeFlushed(from, bytes)
      await makeFolders(root, dirname(to))
      const given = await give(from, to)
      await flushFolder(dirname(to))
      return given
    } finally {
      await rm(from, { force: true })
    }
  }

  return {
    where: root,
    put: (name, bytes) => told(pathOf(name), () => aside(name, bytes, rename)),
    create: (name, bytes) =>
      told(pathOf(name), async () => {
        // Already there: no need to write it all for that.
        if (await isThere(pathOf(name))) return false
        return aside(name, bytes, linkOnce)
      }),
    get: (name) => told(pathOf(name), () => readFile(pathOf(name)).catch(orNone)),
    async *list(folder) {
      const found = await told(root, () => filesUnder(root, folder))
      yield* found.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    remove: (name) => told(pathOf(name), () => rm(pathOf(name), { force: true })),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function prepare(root: string): Promise<void> {
  const folder = join(root, ASIDE)
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > ASIDE_MS_MAX) await rm(path, { force: true })
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx')
  await file.writeFile(bytes)
  await file.sync()
}

/** A link is refused where the name is taken: a rename would overwrite it. */
async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'ENOSYS') {
      throw new FlowGuardError('lake_unfenced', `${to}: this file system makes no links: ${message}`, error)
    }
    throw error
  }
}

/** Each folder that is made is flushed into the one above it: a file in a folder that a power cut takes away would be lost. */
async function makeFolders(root: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let each = folder; each.length >= first.length && each.length > root.length; each = dirname(each)) await flushFolder(dirname(each))
}

async function flushFolder(folder: string): Promise<void> {
  // Windows opens no folders, and needs no flush of them.
  if (process.platform === 'win32') return
  await using handle = await open(folder, constants.O_RDONLY)
  await handle.sync()
}

async function filesUnder(root: string, folder: string): Promise<LakeFile[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(orNone)
  const found = await Promise.all(
    (entries ?? []).map(async (entry: Dirent): Promise<LakeFile[]> => {
      const name = `${folder}${entry.name}`
      if (entry.name.startsWith('.')) return []
      if (entry.isDirectory()) return filesUnder(root, `${name}/`)
      const found = await stat(join(root, name)).catch(orNone)
      return found ? [{ name, bytes: found.size }] : []
    }),
  )
  return found.flat()
}

const isThere = async (path: string) => (await stat(path).catch(orNone)) !== undefined

function orNone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

async function told<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const failure = storeError(path, error)
    const { code, message } = failure as NodeJS.ErrnoException
    if (failure instanceof FlowGuardError || code === undefined) throw failure
    throw new FlowGuardError('lake_unavailable', `${path}: ${message}`, error)
  }
}
