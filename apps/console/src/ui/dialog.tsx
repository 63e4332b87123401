import { useEffect, useRef, type ReactNode } from 'react'
import { Icon } from './icons.tsx'

/** A question that comes before everything else; the browser keeps the focus inside, and Escape closes. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null)
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

/** What was chosen, beside what it was chosen from; below it where there is no room. */
export function Aside({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLElement>(null)
  useEffect(() => {
    if (window.matchMedia('(max-width: 1023px)').matches) ref.current?.scrollIntoView({ block: 'start' })
    const onKey = (event: KeyboardEvent) => event.key === 'Escape' && !document.querySelector('dialog[open]') && onClose()
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [onClose, title])
  return (
    <aside ref={ref} aria-label={title} className="panel flex min-h-0 min-w-0 flex-col overflow-hidden">
      <div className="flex items-center justify-between gap-2 border-b border-line px-3 py-2">
        <h2 className="min-w-0 truncate font-semibold">{title}</h2>
        <button type="button" aria-label="Close" className="rounded p-1 text-muted hover:bg-hover" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
    </aside>
  )
}
