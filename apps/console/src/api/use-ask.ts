import { useCallback, useEffect, useState } from 'react'
import { useStore } from '../state/store.ts'
import { keepAsking, type Known } from './asking.ts'
import { api, type ApiError } from './client.ts'
import { operatorKey } from './key.ts'

export interface Answer<T> {
  /** The latest answer: the one before is kept while the next is on its way, for the same question. */
  data: T | undefined
  error: ApiError | undefined
  isLoading: boolean
  reload: () => void
}

interface Options {
  alsoGood?: readonly number[]
  /** Asked again so long after each answer, while the page is seen. */
  everyMs?: number
}

/** The answer to a question, asked again when it changes, when `reload` is called, and when the key does. `null` asks nothing. */
export function useAsk<T>(path: string | null, { alsoGood, everyMs }: Options = {}): Answer<T> {
  const [state, setState] = useState<Known<T> & { path: string | null }>({ path: null, isLoading: false })
  const [turn, setTurn] = useState(0)
  const key = useStore(operatorKey)
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  const good = alsoGood?.join()

  useEffect(() => {
    if (path === null) return
    return keepAsking<T>({
      ask: (signal) => api<T>(path, { signal, alsoGood: good ? good.split(',').map(Number) : [] }),
      everyMs,
      isSeen: () => document.visibilityState === 'visible',
      onChange: (change) => setState((before) => ({ ...change(before.path === path ? before : { isLoading: false }), path })),
      later(work, ms) {
        const timer = window.setTimeout(work, ms)
        return () => window.clearTimeout(timer)
      },
    })
  }, [path, turn, key, good, everyMs])

  const isCurrent = state.path === path
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? (state.error as ApiError | undefined) : undefined,
    isLoading: path !== null && (!isCurrent || state.isLoading),
    reload,
  }
}
