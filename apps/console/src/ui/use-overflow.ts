import { useEffect, useState, type RefObject } from 'react'

/** Whether there is more of the element than is seen, and whether that is to the right. */
export function useOverflow(ref: RefObject<HTMLElement | null>): { canScroll: boolean; hasMoreRight: boolean } {
  const [canScroll, setScroll] = useState(false)
  const [hasMoreRight, setMoreRight] = useState(false)
  useEffect(() => {
    const element = ref.current
    if (!element) return
    const measure = () => {
      setScroll(element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight)
      setMoreRight(element.scrollLeft + element.clientWidth < element.scrollWidth - 1)
    }
    const watch = new ResizeObserver(measure)
    const watchChildren = () => {
      for (const child of element.children) watch.observe(child)
    }
    watch.observe(element)
    watchChildren()
    // Those that come later, too: they may grow within a box that does not.
    const coming = new MutationObserver(watchChildren)
    coming.observe(element, { childList: true })
    element.addEventListener('scroll', measure, { passive: true })
    return () => {
      watch.disconnect()
      coming.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }, [ref])
  return { canScroll, hasMoreRight }
}
