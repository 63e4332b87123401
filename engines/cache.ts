import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EngineError, say } from './command.ts'

const LOCK_POLL_MS = 500
const LOCK_MS_MAX = 30 * 60_000

/** Where engines are installed, outside of any checkout: a second one finds them there. */
export function cacheFolder(): string {
  const home = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return resolve(process.env['FLOWGUARD_ENGINES'] ?? join(home, 'flowguard', 'engines'))
}

/**
 * The folder `name-version` of the cache. Where it is missing, `make` fills one aside, which then gets the name: what is there is whole. `make` must bear that its
 * folder is moved.
 */
export async function installed(key: string, make: (aside: string) => Promise<void>): Promise<string> {
  const cache = cacheFolder()
  const folder = join(cache, key)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  using _lock = await lock(join(cache, `${key}.lock`))
  if (existsSync(folder)) return folder
  // Of installs that died: nobody else works on it while this one holds the lock.
  for (const left of globSync(join(cache, `${key}.*.part{,-tools}`))) rmSync(left, { recursive: true, force: true })
  const aside = `${folder}.${process.pid}.part`
  mkdirSync(aside)
  say(`installing ${key} into ${cache}`)
  const startedAt = performance.now()
  try {
    await make(aside)
    renameSync(aside, folder)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  say(`installed ${key} in ${Math.round((performance.now() - startedAt) / 1000)} s`)
  return folder
}

/** SQLite's lock on a file: the system gives it up when its process ends, however it ends. */
async function lock(file: string): Promise<Disposable> {
  const db = new DatabaseSync(file, { timeout: 0 })
  const deadline = performance.now() + LOCK_MS_MAX
  for (let tries = 0; ; tries += 1) {
    try {
      db.exec('begin exclusive')
      return { [Symbol.dispose]: () => db.close() }
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes('locked') || performance.now() > deadline) {
        db.close()
        throw new EngineError(`${file} cannot be locked: ${error instanceof Error ? error.message : String(error)}`)
      }
      if (tries === 0) say(`waiting for another install (${file})`)
      await new Promise((wake) => setTimeout(wake, LOCK_POLL_MS))
    }
  }
}
