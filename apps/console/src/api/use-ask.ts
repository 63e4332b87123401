import { useCallback, useEffect, useState } from 'react'
import { useStore } from '../state/store.ts'
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
  /** Asked again so often, while the page is seen. */
  everyMs?: number
}

/** The answer to a question, asked again when it changes, when `reload` is called, and when the key does. `null` asks nothing. */
export function useAsk<T>(path: string | null, { alsoGood, everyMs }: Options = {}): Answer<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: ApiError; isLoading: boolean }>({
    path: null,
    isLoading: false,
  })
  const [turn, setTurn] = useState(0)
  const key = useStore(operatorKey)
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  const good = alsoGood?.join()

  useEffect(() => {
    if (path === null) return
    const stop = new AbortController()
    setState((before) => ({ ...(before.path === path && before.data !== undefined && { data: before.data }), path, isLoading: true }))
    api<T>(path, { signal: stop.signal, alsoGood: good ? good.split(',').map(Number) : [] })
      .then((data) => setState({ path, data, isLoading: false }))
      .catch((error: unknown) => {
        if (stop.signal.aborted) return
        setState((before) => ({ ...before, path, error: error as ApiError, isLoading: false }))
      })
    return () => stop.abort()
  }, [path, turn, key, good])

  useEffect(() => {
    if (everyMs === undefined || path === null) return
    const timer = window.setInterval(() => document.visibilityState === 'visible' && reload(), everyMs)
    return () => window.clearInterval(timer)
  }, [everyMs, path, reload])

  const isCurrent = state.path === path
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    isLoading: path !== null && (!isCurrent || state.isLoading),
    reload,
  }
}
