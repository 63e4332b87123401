'use client'

import { useSearchParams } from 'next/navigation'
import { type MouseEvent, type SubmitEvent, useEffect, useState } from 'react'
import type { MenuItem } from '../lib/answers.ts'
import { scrollBehavior } from '../lib/scroll.ts'
import { QUERY_CHARS_MAX, readSelection, select, selectionHref, summary, type Selection } from '../lib/selection.ts'
import { CategoryRail } from './category-rail.tsx'
import { DishCard } from './dish-card.tsx'
import { QUIET_BUTTON } from './notice.tsx'

const EAGER_COUNT = 8

/**
 * The menu with its filters. The address alone says what is shown: the server answers it as this does, so that links and
 * the form work without a script, and with one no page is asked for.
 */
export function Menu({ items }: { items: readonly MenuItem[] }) {
  const params = useSearchParams()
  const { category: asked, query } = readSelection(params)
  const categories = [...new Set(items.map((item) => item.category))].sort()
  const category = categories.find((name) => name.toLowerCase() === asked.toLowerCase()) ?? asked
  // What is typed is ahead of the address, which is told a moment later, and trimmed.
  const [typed, setTyped] = useState(query)
  const selection = { category, query: typed }
  const shown = select(items, selection)

  // Back, forward and links change the address from outside. The window's own is never behind what was typed here.
  useEffect(() => {
    const text = readSelection(new URLSearchParams(window.location.search)).query
    setTyped((now) => (now.trim() === text.trim() ? now : text))
  }, [params])

  function show(next: Selection, kept: 'pushState' | 'replaceState') {
    window.history[kept](null, '', selectionHref(next))
  }
  function search(text: string) {
    setTyped(text)
    show({ category, query: text }, 'replaceState')
  }
  function onSubmit(event: SubmitEvent) {
    event.preventDefault()
    document.getElementById('dishes')?.scrollIntoView({ block: 'start', behavior: scrollBehavior() })
  }
  function onPick(event: MouseEvent, picked: string) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    show({ category: picked, query: typed }, 'pushState')
  }
  function showAll(event: MouseEvent) {
    event.preventDefault()
    setTyped('')
    show({ category: '', query: '' }, 'pushState')
    // The link that was pressed is gone with the empty result.
    document.getElementById('q')?.focus()
  }

  return (
    <>
      <div className="sticky top-0 z-20 border-b border-line bg-canvas/92 backdrop-blur-lg">
        <div className="mx-auto max-w-7xl px-5 py-2.5 sm:px-8">
          <CategoryRail categories={categories} items={items} selection={selection} onPick={onPick} />
        </div>
      </div>

      <section id="dishes" aria-labelledby="dishes-title" className="mx-auto max-w-7xl px-5 pt-9 sm:px-8">
        <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-4">
          <div className="flex flex-wrap items-baseline gap-x-4">
            <h2 id="dishes-title" className="text-2xl font-semibold sm:text-3xl">
              {category || (typed.trim() ? 'Found for you' : 'The whole menu')}
            </h2>
            <p role="status" className="text-[0.9375rem] text-muted">
              {summary(shown.length, selection)}
            </p>
          </div>
          <form role="search" action="/" method="get" onSubmit={onSubmit} className="relative w-full sm:w-80">
            <label htmlFor="q" className="sr-only">
              Search dishes
            </label>
            <svg
              viewBox="0 0 24 24"
              className="pointer-events-none absolute top-1/2 left-4 size-5 -translate-y-1/2 text-muted"
              aria-hidden="true"
            >
              <path
                d="m20 20-4.3-4.3M18 11a7 7 0 1 1-14 0 7 7 0 0 1 14 0Z"
                fill="none"
                stroke="currentColor"
                strokeWidth="2"
                strokeLinecap="round"
              />
            </svg>
            <input
              id="q"
              name="q"
              type="search"
              value={typed}
              onChange={(event) => search(event.target.value)}
              maxLength={QUERY_CHARS_MAX}
              autoComplete="off"
              enterKeyHint="search"
              placeholder="Search dishes"
              aria-controls="dishes"
              className="h-11 w-full rounded-full border border-field bg-surface pr-4 pl-12 text-base placeholder:text-muted focus-visible:rounded-full focus-visible:outline-offset-1"
            />
            {category && <input type="hidden" name="category" value={category} />}
          </form>
        </div>
        {shown.length > 0 ? (
          <ul className="mt-7 grid grid-cols-2 gap-x-4 gap-y-8 sm:gap-x-6 sm:gap-y-10 lg:grid-cols-3 xl:grid-cols-4">
            {shown.map((item, index) => (
              <li key={item.food_id}>
                <DishCard item={item} eager={index < EAGER_COUNT} />
              </li>
            ))}
          </ul>
        ) : (
          <div className="mt-7 rounded-dish bg-sunken px-6 py-16 text-center">
            <p className="text-lg font-medium">Nothing on the menu fits that.</p>
            <p className="mt-1 text-muted">Try a shorter word, or look through everything there is.</p>
            <a href="/" onClick={showAll} className={`mt-6 ${QUIET_BUTTON}`}>
              Show the whole menu
            </a>
          </div>
        )}
      </section>
    </>
  )
}
