import { useState, type FocusEvent, type KeyboardEvent, type RefObject } from 'react'

interface Of {
  box: RefObject<HTMLElement | null>
  rowPx: number
  count: number
  /** Of the rows that are in the page. */
  keys: readonly string[]
  scrollTo: (at: number) => void
}

/** Where a key leads from a row; undefined where it leads nowhere. */
export function rowAfter(key: string, at: number, { count, page }: { count: number; page: number }): number | undefined {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 }[key]
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to))
}

/** A list of rows is one stop for Tab: within it, the arrows, Page and Home and End go from row to row. */
export function useRowKeys({ box, rowPx, count, keys, scrollTo }: Of) {
  const [latest, setLatest] = useState<string>()
  const stop = keys.find((key) => key === latest) ?? keys[0]
  function onKeyDown(event: KeyboardEvent) {
    const from = (event.target as HTMLElement).dataset['at']
    if (from === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / rowPx) - 1)
    const to = rowAfter(event.key, Number(from), { count, page })
    if (to === undefined) return
    event.preventDefault()
    scrollTo(to)
    focusRow(to)
  }
  /** Once it is in the page: a far one is put there after the scroll. */
  function focusRow(at: number, tries = 10) {
    window.requestAnimationFrame(() => {
      const row = box.current?.querySelector<HTMLElement>(`[data-at="${at}"]`)
      if (row) row.focus({ preventScroll: true })
      else if (tries > 0) focusRow(at, tries - 1)
    })
  }
  return { stop, onKeyDown, onFocus: ({ target }: FocusEvent) => setLatest((target as HTMLElement).dataset['key']) }
}
