import { useEffect, useLayoutEffect, useRef, type RefObject } from 'react'

/** When the element goes, and the focus with it, the focus goes back to what had it before; to the content where that is gone too. */
export function useFocusBack(ref: RefObject<HTMLElement | null>): void {
  const opener = useRef<Element>(null)
  useLayoutEffect(() => {
    const element = ref.current
    opener.current = document.activeElement
    const follow = ({ target }: FocusEvent) => {
      if (target instanceof Element && !element?.contains(target)) opener.current = target
    }
    document.addEventListener('focusin', follow)
    return () => document.removeEventListener('focusin', follow)
  }, [ref])
  useEffect(() => {
    const element = ref.current
    return () => {
      const had = document.activeElement
      if (element?.isConnected || (had !== null && had !== document.body)) return
      const { current: next } = opener
      const isThere = next instanceof HTMLElement && next.isConnected && next !== document.body
      ;(isThere ? next : document.getElementById('main'))?.focus({ preventScroll: true })
    }
  }, [ref])
}

/** Nothing but the element is there for the keyboard and the screen reader; what says things by itself goes on. */
export function onlyThis(element: HTMLElement): () => void {
  const hidden: Element[] = []
  for (let at: Element = element; at.parentElement && at !== document.body; at = at.parentElement)
    for (const other of at.parentElement.children)
      if (other !== at && other instanceof HTMLElement && !other.inert && !other.matches('[role=status], dialog, script')) {
        other.inert = true
        hidden.push(other)
      }
  return () => hidden.forEach((each) => each.toggleAttribute('inert', false))
}
