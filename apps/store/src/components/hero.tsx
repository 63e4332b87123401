import type { Food } from '../lib/food.ts'
import { DishPicture } from './dish-picture.tsx'

const SHOWN = ['Biryani', 'Pizza', 'South Indian']
const TILTS = ['-rotate-6 translate-y-6 z-10', 'rotate-2 -translate-y-3 z-20', 'rotate-8 translate-y-8 z-10']

export function Hero({ items }: { items: readonly Food[] }) {
  const pictures = SHOWN.flatMap((category) => items.filter((item) => item.category === category && item.is_available).slice(0, 1))
  const kinds = new Set(items.map(({ category }) => category)).size
  return (
    <section aria-labelledby="hero-title" className="mx-auto w-full max-w-7xl px-5 sm:px-8">
      <div className="relative grid items-center overflow-hidden rounded-[2rem] bg-leaf px-6 py-10 sm:px-12 sm:py-12 lg:h-96 lg:grid-cols-[1.05fr_1fr] lg:py-0">
        <div className="relative z-30">
          <h1
            id="hero-title"
            className="text-[2.75rem] leading-[1.02] font-semibold tracking-[-0.035em] text-[#fbfbf3] sm:text-6xl xl:text-7xl"
          >
            Good food,
            <br />
            <span className="text-turmeric">on its way.</span>
          </h1>
          <p className="mt-5 max-w-md text-lg leading-relaxed text-pretty text-[#d5dfd6]">
            {items.length} dishes from {kinds} kinds of kitchen, cooked when you order and brought to your door.
          </p>
        </div>
        <div className="relative mt-10 hidden justify-center sm:flex lg:mt-0" aria-hidden="true">
          {pictures.map(({ food_id, image_url }, index) => (
            <div key={food_id} className={`-mx-5 w-56 overflow-hidden rounded-dish shadow-2xl ring-4 ring-leaf ${TILTS[index]}`}>
              <DishPicture src={image_url} eager className="aspect-4/5!" />
            </div>
          ))}
        </div>
      </div>
      <div className="h-8" />
    </section>
  )
}
