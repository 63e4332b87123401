import { useCallback, useRef } from 'react'
import { useSearchParams } from 'wouter'

type Changes = Readonly<Record<string, string | number | boolean | null | undefined>>

/** What a page shows, in its address: so that it can be sent to somebody, reloaded and gone back from. What is empty or off is not there. */
export function useAddress() {
  const [params, setParams] = useSearchParams()
  const latest = useRef(setParams)
  latest.current = setParams
  /** The same function always. `replace` where going back should not stop here: while somebody types. */
  const set = useCallback(
    (changes: Changes, { replace = false } = {}) => latest.current((before) => changed(before, changes), { replace }),
    [],
  )
  return { get: (name: string) => params.get(name) ?? '', set }
}

function changed(before: URLSearchParams, changes: Changes): URLSearchParams {
  const next = new URLSearchParams(before)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '' || value === false) next.delete(name)
    else next.set(name, value === true ? '1' : String(value))
  }
  return next
}

export function linkTo(page: string, query: Changes): string {
  const params = changed(new URLSearchParams(), query).toString()
  return params ? `${page}?${params}` : page
}
