import type { Environment } from './environment.ts'

/** Texts by key, in storage as far as it goes and in memory beyond. Never throws. */
export interface Store {
  get(key: string): string | undefined
  set(key: string, value: string): void
  remove(key: string): void
  keys(prefix: string): string[]
}

export function openStore(storage: Environment['storage']): Store {
  /** What storage would not do: a text that it did not take, or `undefined` for one that it did not let go. */
  const memory = new Map<string, string | undefined>()

  function storedKeys(prefix: string): string[] {
    return attempt(() => {
      const keys = Array.from({ length: storage?.length ?? 0 }, (_, at) => storage?.key(at))
      return keys.filter((key): key is string => key?.startsWith(prefix) ?? false)
    }, [])
  }

  return {
    get: (key) => (memory.has(key) ? memory.get(key) : attempt(() => storage?.getItem(key) ?? undefined, undefined)),
    set(key, value) {
      memory.set(key, value)
      attempt(() => {
        if (!storage) return
        storage.setItem(key, value)
        memory.delete(key)
      }, undefined)
    },
    remove(key) {
      memory.set(key, undefined)
      attempt(() => {
        storage?.removeItem(key)
        memory.delete(key)
      }, undefined)
    },
    keys: (prefix) => [
      ...storedKeys(prefix).filter((key) => !memory.has(key)),
      ...[...memory].filter(([key, value]) => value !== undefined && key.startsWith(prefix)).map(([key]) => key),
    ],
  }
}

function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch {
    return otherwise
  }
}
