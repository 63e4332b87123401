import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlowGuardError } from './errors.ts'
import { guarded } from './sqlite.ts'

/** The locks of this very process. */
const held = new Set<string>()

/** Holds a data folder for this process. Throws `data_locked` where a living process holds it; a dead one's lock is taken over. */
export function lockFolder(folder: string): Disposable {
  const file = join(folder, 'flowguard.lock')
  guarded(folder, () => mkdirSync(folder, { recursive: true }))
  for (let tries = 1; ; tries += 1) {
    try {
      guarded(file, () => writeFileSync(file, `${process.pid}\n`, { flag: 'wx' }))
      held.add(file)
      return {
        [Symbol.dispose]() {
          held.delete(file)
          rmSync(file, { force: true })
        },
      }
    } catch (error) {
      const holder = holderOf(file)
      // In a container each start may have the same pid as the one that died.
      const isHeld = holder === process.pid ? held.has(file) : holder !== undefined && isAlive(holder)
      if (isHeld) throw new FlowGuardError('data_locked', `${folder} is in use by process ${holder}`, error)
      if (holder === undefined || tries > 1) throw error
      rmSync(file, { force: true })
    }
  }
}

/** The process that a lock file names, or undefined where there is none. */
export function holderOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return undefined
  }
}

export function isAlive(pid: number): boolean {
  try {
    // Signal 0 only asks.
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
