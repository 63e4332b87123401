import { useCallback, useEffect, useRef, useState } from 'react'
import { api, type ApiError } from '../../api/client.ts'
import { operatorKey } from '../../api/key.ts'
import type { RecordShown, RecordsPage } from 'flowguard/answers'
import { useStore } from '../../state/store.ts'

/** The first page is there at once; who scrolls on gets more at a time. */
const FIRST_COUNT = 100
const PAGE_COUNT = 1_000
const FOLLOW_MS = 1_000
/** More than anybody looks through; older ones are asked for by offset or time. */
const SHOWN_COUNT_MAX = 200_000
/** Looked at unasked: where next to nothing fits, a person says whether it is to go on. */
const LOOKED_COUNT_MAX = 500_000

export interface Records {
  rows: readonly RecordShown[]
  /** Records looked at so far, the ones that did not fit included. */
  looked: number
  isLoading: boolean
  /** Nothing is left that way. */
  isDone: boolean
  /** Many were looked at, and more are left: it goes on by `further`. */
  isPaused: boolean
  /** Newer ones that came while following, and are not among the rows yet. */
  fresh: number
  error: ApiError | undefined
  more: () => void
  further: () => void
  takeFresh: () => void
  reload: () => void
}

interface State {
  rows: readonly RecordShown[]
  fresh: readonly RecordShown[]
  looked: number
  lookedMax: number
  next: RecordsPage['next']
  ends: RecordsPage['ends']
  isLoading: boolean
  isDone: boolean
  error?: ApiError | undefined
}

const NOTHING: State = { rows: [], fresh: [], looked: 0, lookedMax: LOOKED_COUNT_MAX, next: null, ends: {}, isLoading: true, isDone: false }
const placesOf = (places: Record<number, number>) =>
  Object.entries(places)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join()

/** Records page by page, as they are scrolled to; with `isFollowing`, the newest as they come. `query` is what `/records` takes, but `from` and `limit`. */
export function useRecords(topic: string, query: string, start: string, isFollowing: boolean): Records {
  const [state, setState] = useState<State>(NOTHING)
  const [turn, setTurn] = useState(0)
  const key = useStore(operatorKey)
  const current = useRef(state)
  const isAsking = useRef(false)
  current.current = state
  const path = `/api/topics/${topic}/records`

  const ask = useCallback(
    async (from: string, more: string, signal: AbortSignal) => {
      const params = new URLSearchParams(query)
      for (const [name, value] of new URLSearchParams(more)) params.set(name, value)
      if (from) params.set('from', from)
      params.set('limit', String(from === start ? FIRST_COUNT : PAGE_COUNT))
      return api<RecordsPage>(`${path}?${params}`, { signal })
    },
    [path, query, start],
  )

  const stop = useRef(new AbortController())
  const load = useCallback(
    async (from: string) => {
      if (isAsking.current) return
      isAsking.current = true
      const { signal } = stop.current
      setState((before) => ({ ...before, isLoading: true, error: undefined }))
      try {
        const page = await ask(from, '', signal)
        setState((before) => joined(before, page))
      } catch (error) {
        if (!signal.aborted) setState((before) => ({ ...before, isLoading: false, error: error as ApiError }))
      } finally {
        if (!signal.aborted) isAsking.current = false
      }
    },
    [ask],
  )

  useEffect(() => {
    stop.current = new AbortController()
    isAsking.current = false
    setState(NOTHING)
    void load(start)
    return () => stop.current.abort()
  }, [load, start, turn, key])

  useEffect(() => {
    if (!isFollowing) return
    const ended = new AbortController()
    const { signal } = ended
    let timer = 0
    // The next one is asked for once the last has answered, however long that took.
    const later = () => (timer = window.setTimeout(() => void look(), FOLLOW_MS))
    async function look() {
      const { ends } = current.current
      if (document.visibilityState === 'visible' && Object.keys(ends).length > 0) {
        try {
          const page = await ask(placesOf(ends), 'order=oldest', signal)
          if (!signal.aborted) setState((before) => (before.ends === ends ? followed(before, page) : before))
        } catch {
          // That nothing answers is said by the page's head.
        }
      }
      if (!signal.aborted) later()
    }
    later()
    return () => {
      ended.abort()
      window.clearTimeout(timer)
    }
  }, [isFollowing, ask])

  const more = useCallback(() => {
    const { next, isLoading, error } = current.current
    if (next && !isLoading && !error && !current.current.isDone && !isPaused(current.current)) void load(placesOf(next))
  }, [load])
  const further = useCallback(() => {
    const { next, looked } = current.current
    setState((before) => ({ ...before, lookedMax: looked + LOOKED_COUNT_MAX }))
    if (next) void load(placesOf(next))
  }, [load])
  const takeFresh = useCallback(() => setState(withFresh), [])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  const { rows, fresh, looked, isLoading, isDone, error } = state
  return { rows, fresh: fresh.length, looked, isLoading, isDone, isPaused: isPaused(state), error, more, further, takeFresh, reload }
}

const isPaused = ({ isDone, looked, lookedMax }: State) => !isDone && looked >= lookedMax

const withFresh = (before: State): State => ({
  ...before,
  rows: [...before.fresh, ...before.rows].slice(0, SHOWN_COUNT_MAX),
  fresh: [],
})

function joined(before: State, { records, next, ends, looked }: RecordsPage): State {
  const rows = [...before.rows, ...records]
  return {
    ...before,
    rows,
    looked: before.looked + looked,
    next,
    // Where following begins: at the ends of the first page.
    ends: Object.keys(before.ends).length > 0 ? before.ends : ends,
    isLoading: false,
    error: undefined,
    isDone: next === null || rows.length >= SHOWN_COUNT_MAX,
  }
}

function followed(before: State, { records, next, ends, looked }: RecordsPage): State {
  return {
    ...before,
    fresh: records.length > 0 ? [...records.toReversed(), ...before.fresh].slice(0, SHOWN_COUNT_MAX) : before.fresh,
    looked: before.looked + looked,
    // What is looked at because it comes is no search.
    lookedMax: before.lookedMax + looked,
    ends: next ?? ends,
  }
}
