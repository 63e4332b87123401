'use client'

import { type MouseEvent, useEffect, useRef } from 'react'
import type { Food } from '../lib/food.ts'
import { scrollBehavior } from '../lib/scroll.ts'
import { selectionHref, type Selection } from '../lib/selection.ts'

interface Props {
  categories: readonly string[]
  items: readonly Food[]
  selection: Selection
  onPick: (event: MouseEvent, category: string) => void
}

/** The categories, as links: each is an address of its own. */
export function CategoryRail({ categories, items, selection, onPick }: Props) {
  const list = useRef<HTMLUListElement>(null)

  useEffect(() => {
    const link = list.current?.querySelector<HTMLElement>('[aria-current]')
    if (link)
      list.current?.scrollTo({ left: link.offsetLeft - list.current.clientWidth / 2 + link.clientWidth / 2, behavior: scrollBehavior() })
  }, [selection.category])

  return (
    <nav aria-label="Categories" className="-mx-5 sm:-mx-8">
      <ul ref={list} className="no-scrollbar relative flex gap-1 overflow-x-auto px-5 py-1 sm:px-8">
        {['', ...categories].map((category) => {
          const picture = items.find((item) => item.category === category && item.is_available)?.image_url
          const current = category === selection.category
          return (
            <li key={category} className="shrink-0">
              <a
                href={selectionHref({ ...selection, category })}
                onClick={(event) => onPick(event, category)}
                aria-current={current ? 'true' : undefined}
                className={`flex h-11 items-center gap-2 rounded-full pr-4 text-[0.9375rem] font-medium whitespace-nowrap transition-colors focus-visible:rounded-full ${
                  current ? 'bg-action text-on-action' : 'bg-sunken hover:bg-line'
                } ${picture ? 'pl-1.5' : 'pl-4'}`}
              >
                {picture && <img src={picture} alt="" width={32} height={32} className="size-8 rounded-full object-cover" />}
                {category || 'All'}
              </a>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}
