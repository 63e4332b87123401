'use client'

import Link from 'next/link'
import { useEffect, useMemo, useRef, ViewTransition } from 'react'
import { ownPlace } from '../lib/ads.ts'
import type { MenuItem } from '../lib/answers.ts'
import { rupees } from '../lib/food.ts'
import { cardClicked, watchCard } from '../lib/tracking.ts'
import { DishPicture } from './dish-picture.tsx'

export function DishCard({ item, eager = false }: { item: MenuItem; eager?: boolean }) {
  const card = useRef<HTMLElement>(null)
  // One object as long as the dish is the same: a new one would begin the watch anew.
  const ad = useMemo(() => item.ad ?? ownPlace(item.food_id), [item.ad, item.food_id])

  useEffect(() => (card.current ? watchCard(card.current, ad) : undefined), [ad])

  return (
    <article ref={card} className="group relative">
      <div className="overflow-hidden rounded-dish transition-[box-shadow,translate] duration-300 ease-calm group-hover:-translate-y-1 group-hover:shadow-lift">
        <ViewTransition name={`dish-${item.food_id}`} share="dish" default="none">
          <DishPicture src={item.image_url} eager={eager} className={item.is_available ? '' : 'opacity-70 saturate-40'} />
        </ViewTransition>
      </div>
      <div className="mt-3 gap-4 sm:mt-4 sm:flex sm:items-baseline sm:justify-between">
        <h3 className="text-[0.9375rem] leading-snug font-semibold tracking-tight text-balance sm:text-[1.0625rem]">
          <Link
            href={`/food/${item.food_id}`}
            prefetch={false}
            onClick={() => cardClicked(ad)}
            onAuxClick={({ button }) => button === 1 && cardClicked(ad)}
            className="after:absolute after:inset-0 after:rounded-dish focus-visible:outline-none focus-visible:after:outline-3 focus-visible:after:outline-offset-4 focus-visible:after:outline-action"
          >
            {item.name}
          </Link>
        </h3>
        <p className="mt-1 text-[0.9375rem] font-medium tabular-nums sm:mt-0 sm:text-base">{rupees(item.price)}</p>
      </div>
      <p className="mt-1 hidden text-[0.9375rem] leading-relaxed text-pretty text-muted sm:line-clamp-2">{item.description}</p>
      <p className="mt-1.5 flex min-h-6 flex-wrap items-center gap-x-2 gap-y-1 sm:mt-2.5 text-[0.8125rem] text-muted">
        <span>{item.category}</span>
        {item.ad && <span className="rounded-md bg-turmeric px-1.5 py-0.5 text-xs font-semibold text-leaf">Sponsored</span>}
        {!item.is_available && <span className="rounded-md bg-sunken px-1.5 py-0.5 text-xs font-semibold text-ink">Sold out today</span>}
      </p>
    </article>
  )
}
