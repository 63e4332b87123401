import type { Metadata } from 'next'
import Link from 'next/link'
import { ViewTransition } from 'react'
import { DishCard } from '../../../components/dish-card.tsx'
import { DishPicture } from '../../../components/dish-picture.tsx'
import { Missing } from '../../../components/missing.tsx'
import { OrderForm } from '../../../components/order-form.tsx'
import { Unavailable } from '../../../components/unavailable.tsx'
import { menu } from '../../../lib/answers.ts'
import { rupees } from '../../../lib/food.ts'
import { answerWith } from '../../../lib/response.ts'
import { selectionHref } from '../../../lib/selection.ts'

const ALONGSIDE_COUNT = 4

type Params = Promise<{ foodId: string }>

/** From the whole menu: a page needs its neighbours too, and one question is quicker than two. */
async function find(params: Params) {
  const { foodId } = await params
  const answer = await menu()
  if (answer.kind !== 'found') return { foodId, items: undefined, dish: undefined }
  const dish = /^[1-9]\d{0,14}$/.test(foodId) ? answer.value.find(({ food_id }) => food_id === Number(foodId)) : undefined
  return { foodId, items: answer.value, dish }
}

export async function generateMetadata({ params }: { params: Params }): Promise<Metadata> {
  const { dish, items } = await find(params)
  if (dish) return { title: dish.name, description: dish.description }
  return { title: items ? 'No such dish' : 'Not available right now', robots: { index: false } }
}

export default async function DishPage({ params }: { params: Params }) {
  const { foodId, items, dish } = await find(params)
  if (!items) {
    return (
      <Unavailable title="This dish is not here right now" href={`/food/${encodeURIComponent(foodId)}`}>
        Our catalogue does not answer. That seldom lasts long: try again in a moment.
      </Unavailable>
    )
  }
  if (!dish) {
    answerWith(404)
    return <Missing />
  }
  const rest = items.filter(({ food_id, is_available }) => food_id !== dish.food_id && is_available)
  const alongside = rest
    .toSorted((a, b) => Number(b.category === dish.category) - Number(a.category === dish.category))
    .slice(0, ALONGSIDE_COUNT)
  return (
    <div className="mx-auto max-w-7xl px-5 sm:px-8">
      <nav aria-label="Breadcrumb" className="py-3">
        <ol className="flex items-center gap-2 text-[0.9375rem] text-muted">
          <li>
            <Link href="/" prefetch={false} className="inline-flex min-h-11 items-center underline-offset-4 hover:text-ink hover:underline">
              Menu
            </Link>
          </li>
          <li aria-hidden="true">/</li>
          <li>
            <Link
              href={selectionHref({ category: dish.category, query: '' })}
              prefetch={false}
              className="inline-flex min-h-11 items-center underline-offset-4 hover:text-ink hover:underline"
            >
              {dish.category}
            </Link>
          </li>
        </ol>
      </nav>
      <div className="grid gap-x-14 gap-y-8 lg:grid-cols-[1.25fr_1fr] lg:items-center">
        <div className="overflow-hidden rounded-[2rem]">
          <ViewTransition name={`dish-${dish.food_id}`} share="dish" default="none">
            <DishPicture src={dish.image_url} eager />
          </ViewTransition>
        </div>
        <div>
          <h1 className="text-4xl leading-[1.08] font-semibold sm:text-5xl">{dish.name}</h1>
          <p className="mt-4 max-w-prose text-lg leading-relaxed text-pretty text-muted">{dish.description}</p>
          <p className="mt-6 text-2xl font-semibold tabular-nums">{rupees(dish.price)}</p>
          {dish.is_available ? (
            <OrderForm foodId={dish.food_id} price={dish.price} />
          ) : (
            <p className="mt-6 rounded-2xl bg-sunken px-5 py-4 font-medium">Sold out today. It is back on the stove tomorrow.</p>
          )}
        </div>
      </div>
      <section aria-labelledby="alongside" className="mt-20">
        <h2 id="alongside" className="text-2xl font-semibold sm:text-3xl">
          You may also like
        </h2>
        <ul className="mt-7 grid grid-cols-2 gap-x-4 gap-y-8 sm:gap-x-6 sm:gap-y-10 xl:grid-cols-4">
          {alongside.map((item) => (
            <li key={item.food_id}>
              <DishCard item={item} />
            </li>
          ))}
        </ul>
      </section>
    </div>
  )
}
