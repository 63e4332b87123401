import { useEffect, useLayoutEffect, useRef, type ReactNode } from 'react'
import { onlyThis, useFocusBack } from './focus.ts'
import { Icon } from './icons.tsx'
import { useMedia } from './use-media.ts'

/** A question that comes before everything else; the browser keeps the focus inside, and Escape closes. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null)
  useFocusBack(ref)
  useEffect(() => {
    const dialog = ref.current
    if (dialog && !dialog.open) dialog.showModal()
  }, [])
  return (
    <dialog
      ref={ref}
      aria-label={title}
      onClose={onClose}
      className="panel m-auto w-[min(32rem,calc(100vw-2rem))] p-0 text-ink shadow-xl backdrop:bg-black/40"
    >
      <div className="flex items-center justify-between border-b border-line px-4 py-2.5">
        <h2 className="font-semibold">{title}</h2>
        <button type="button" aria-label="Close" className="rounded p-1 text-muted hover:bg-hover" onClick={() => ref.current?.close()}>
          <Icon name="close" />
        </button>
      </div>
      <div className="p-4">{children}</div>
    </dialog>
  )
}

/** From here down there is no room beside anything. */
const SHEET = '(max-width: 1023px)'
const FIELDS = 'input, select, textarea, [contenteditable]'

interface AsideProps {
  title: string
  onClose: () => void
  /** Where it stands, where there is room. */
  className?: string
  children: ReactNode
}

/** What was chosen, beside what it was chosen from; a sheet over all where there is no room. Escape closes it, but not out of a field. */
export function Aside({ title, onClose, className = '', children }: AsideProps) {
  const ref = useRef<HTMLElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const isSheet = useMedia(SHEET)
  useFocusBack(ref)
  useLayoutEffect(() => (isSheet && ref.current ? onlyThis(ref.current) : undefined), [isSheet])
  useEffect(() => {
    // Somebody opened it, and it did not come with the address; a sheet takes the focus anyhow, for nothing else is there.
    const had = document.activeElement
    if (isSheet || (had !== null && had !== document.body && !ref.current?.contains(had))) heading.current?.focus({ preventScroll: true })
  }, [title, isSheet])
  useEffect(() => {
    const onKey = ({ key, target, defaultPrevented }: KeyboardEvent) => {
      if (key !== 'Escape' || defaultPrevented || document.querySelector('dialog[open]')) return
      if (target instanceof Element && target.matches(FIELDS)) return
      onClose()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [onClose])
  return (
    <aside
      ref={ref}
      aria-label={title}
      className={`panel flex min-h-0 min-w-0 flex-col overflow-hidden max-lg:fixed max-lg:inset-0 max-lg:z-30 max-lg:rounded-none max-lg:border-0 ${className}`}
    >
      <div className="flex items-center justify-between gap-2 border-b border-line px-3 py-2">
        <h2 ref={heading} tabIndex={-1} className="min-w-0 truncate font-semibold outline-none">
          {title}
        </h2>
        <button type="button" aria-label="Close" className="rounded p-1 text-muted hover:bg-hover" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain">{children}</div>
    </aside>
  )
}
