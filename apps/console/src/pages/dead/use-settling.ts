import { useCallback, useEffect, useRef, useState } from 'react'
import type { Settled } from 'flowguard/answers'
import { api, type ApiError } from '../../api/client.ts'

/** Records of one request: between two, it is seen how far it has got, and it can be stopped. */
const ROUND_COUNT = 50

export interface Choice {
  action: 'retry' | 'drop'
  /** These letters; or else all that wait and fit the filter. */
  ids?: readonly string[]
  filter?: { reason?: string; reader?: string }
}

export interface Settling {
  /** `ended` has nothing left; `stopped` goes on where it is told to. */
  state: 'new' | 'running' | 'stopping' | 'stopped' | 'ended'
  /** What was done so far, whatever comes after. */
  settled: Settled
  /** Letters that had been seen to before, by somebody else or with another letter of their record. */
  before: number
  /** Letters that have yet to be gone through. */
  left: number
  error?: ApiError
}

const NOTHING: Settled = { letters: 0, records: 0, failed: [] }
const NEW: Settling = { state: 'new', settled: NOTHING, before: 0, left: 0 }

/** Letters one by one, or round by round what fits a filter and had died by `diedBy`. Stops between two requests; leaving stops it too. */
export function useSettling({ action, ids, filter = {} }: Choice, { note, diedBy }: { note: string; diedBy: string | undefined }) {
  const [settling, setSettling] = useState(NEW)
  const latest = useRef(settling)
  const isWanted = useRef(false)
  const place = useRef<string>(undefined)
  const put = useCallback((change: Partial<Settling>) => {
    const { error: _error, ...rest } = latest.current
    setSettling((latest.current = { ...rest, ...change }))
  }, [])
  useEffect(() => () => void (isWanted.current = false), [])

  /** Begins, or goes on after it was stopped. */
  async function run() {
    isWanted.current = true
    put({ state: 'running', ...(latest.current.state === 'new' && { left: ids?.length ?? 0 }) })
    try {
      do await oneRound()
      while (isWanted.current && latest.current.left > 0)
      put({ state: latest.current.left > 0 ? 'stopped' : 'ended' })
    } catch (error) {
      put({ state: 'stopped', error: error as ApiError })
    }
  }

  async function oneRound() {
    const { settled, before, left } = latest.current
    const which = Object.keys(filter).length === 0 ? { all: true } : filter
    const round = ids ? { dead_id: ids[ids.length - left] } : { ...which, died_by: diedBy, limit: ROUND_COUNT, after: place.current }
    const answer = await api<Settled>(`/api/dead/${action}`, { body: { ...round, ...(note && { note }) } })
    place.current = answer.next_after ?? undefined
    put({
      settled: {
        letters: settled.letters + answer.letters,
        records: settled.records + answer.records,
        failed: [...settled.failed, ...answer.failed],
      },
      before: before + (ids && answer.letters + answer.failed.length === 0 ? 1 : 0),
      left: ids ? left - 1 : (answer.left ?? 0),
    })
  }

  const stop = useCallback(() => {
    isWanted.current = false
    put({ state: 'stopping' })
  }, [put])
  return { ...settling, run, stop }
}
