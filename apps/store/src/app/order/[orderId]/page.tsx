import type { Metadata } from 'next'
import Link from 'next/link'
import { DishPicture } from '../../../components/dish-picture.tsx'
import { Missing } from '../../../components/missing.tsx'
import { BUTTON, QUIET_BUTTON } from '../../../components/notice.tsx'
import { OrderSteps } from '../../../components/order-steps.tsx'
import { Unavailable } from '../../../components/unavailable.tsx'
import { menu, order as readOrder } from '../../../lib/answers.ts'
import { rupees, total } from '../../../lib/food.ts'
import { kitchenTime, progress } from '../../../lib/order.ts'
import { answerWith } from '../../../lib/response.ts'

type Params = Promise<{ orderId: string }>

const ABSENT = { kind: 'absent' } as const
const ORDER_ID = /^[\w-]{1,128}$/

/** By the order's status. */
const TITLES: Readonly<Record<string, string>> & { placed: string } = {
  placed: 'Thank you. We have your order.',
  confirmed: 'Thank you. It is on the stove.',
  delivered: 'Thank you. Enjoy your meal.',
  cancelled: 'This order was cancelled',
}

export const metadata: Metadata = { title: 'Your order', robots: { index: false } }

export default async function OrderPage({ params }: { params: Params }) {
  const { orderId } = await params
  const [answer, dishes] = await Promise.all([ORDER_ID.test(orderId) ? readOrder(orderId) : ABSENT, menu()])
  if (answer.kind === 'absent') {
    answerWith(404)
    return <Missing />
  }
  if (answer.kind === 'unavailable') {
    return (
      <Unavailable title="We cannot show your order just now" href={`/order/${orderId}`}>
        The kitchen does not answer. An order that was confirmed is safe with us: this page shows it again as soon as it can.
      </Unavailable>
    )
  }
  const order = answer.value
  const picture = dishes.kind === 'found' ? dishes.value.find(({ food_id }) => food_id === order.itemId)?.image_url : undefined
  const { cancelled } = progress(order.status)
  return (
    <div className="mx-auto grid max-w-5xl gap-x-16 gap-y-12 px-5 pt-8 sm:px-8 sm:pt-14 lg:grid-cols-[1fr_24rem] lg:items-start">
      <div>
        <h1 className="text-4xl leading-[1.08] font-semibold sm:text-5xl">{TITLES[order.status] ?? TITLES.placed}</h1>
        <p className="mt-4 max-w-prose text-lg leading-relaxed text-pretty text-muted">
          {cancelled
            ? 'Nothing will be brought, and nothing is charged.'
            : 'Keep the address of this page: it shows how far your order is whenever you come back.'}
        </p>
        <OrderSteps status={order.status} />
        <div className="mt-10 flex flex-wrap gap-3">
          <Link href="/" prefetch={false} className={BUTTON}>
            Back to the menu
          </Link>
          <Link href={`/food/${order.itemId}`} prefetch={false} className={QUIET_BUTTON}>
            Order it again
          </Link>
        </div>
      </div>
      <section aria-labelledby="receipt" className="drop-shadow-lg">
        <div className="torn bg-surface px-7 pt-8 pb-12">
          <h2 id="receipt" className="text-lg font-semibold">
            Receipt
          </h2>
          <p className="mt-0.5 text-sm text-muted">
            <time dateTime={order.createdAt}>{kitchenTime(order.createdAt)}</time>, Indian time
          </p>
          {picture && <DishPicture src={picture} eager className="mt-5 rounded-2xl" />}
          <dl className="mt-6 space-y-3 text-[0.9375rem] tabular-nums">
            <Line term={order.itemName} strong>
              {rupees(order.price)}
            </Line>
            <Line term="Quantity">{`× ${order.quantity}`}</Line>
            <Line term="Total" strong className="border-t border-dashed border-field pt-4 text-lg font-semibold">
              {rupees(total(order.price, order.quantity))}
            </Line>
          </dl>
          <p className="mt-6 text-sm text-muted">Order number</p>
          <p className="mt-0.5 font-mono text-xs break-all">{order.orderId}</p>
        </div>
      </section>
    </div>
  )
}

interface LineProps {
  term: string
  children: string
  strong?: boolean
  className?: string
}

function Line({ term, children, strong = false, className = '' }: LineProps) {
  return (
    <div className={`flex justify-between gap-6 ${className}`}>
      <dt className={strong ? 'font-semibold' : 'text-muted'}>{term}</dt>
      <dd className="whitespace-nowrap">{children}</dd>
    </div>
  )
}
