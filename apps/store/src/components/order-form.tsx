'use client'

import { useRouter } from 'next/navigation'
import { type SubmitEvent, useEffect, useRef, useState } from 'react'
import { rupees, total } from '../lib/food.ts'
import { mayBePlaced, placeOrder } from '../lib/tracking.ts'
import { BUTTON } from './notice.tsx'

const QUANTITY_MAX = 20
const WAITING_MS = 4_000

const REFUSED = 'The kitchen could not take this order. Please look at the dish once more and try again.'
const WAITING = 'The kitchen is slow to answer. We keep trying: please leave this page open.'
const UNANSWERED = 'The kitchen does not answer. Please press Order again in a moment: however often you press, it stays one order.'

type State = 'ready' | 'sending' | 'waiting' | 'refused' | 'unanswered'

export function OrderForm({ foodId, price }: { foodId: number; price: number }) {
  const router = useRouter()
  const [quantity, setQuantity] = useState(1)
  const [state, setState] = useState<State>('ready')
  const mounted = useRef(true)
  useEffect(() => {
    mounted.current = true
    return () => void (mounted.current = false)
  }, [])
  useEffect(() => {
    if (state !== 'sending') return undefined
    const timer = setTimeout(() => setState('waiting'), WAITING_MS)
    return () => clearTimeout(timer)
  }, [state])

  const busy = state === 'sending' || state === 'waiting'
  const change = (by: number) => setQuantity((now) => Math.min(QUANTITY_MAX, Math.max(1, now + by)))

  async function submit(event: SubmitEvent) {
    event.preventDefault()
    if (busy) return
    setState('sending')
    try {
      const orderId = await placeOrder({ item_id: foodId, quantity })
      // Whoever has gone on to another page is not pulled back from it.
      if (mounted.current) router.push(`/order/${encodeURIComponent(orderId)}`)
    } catch (error) {
      if (mounted.current) setState(mayBePlaced(error) ? 'unanswered' : 'refused')
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="mt-6">
      <div className="flex flex-wrap items-stretch gap-3">
        <div role="group" aria-label="Quantity" className="flex h-14 items-center rounded-full border border-field bg-surface px-1.5">
          <Step label="One less" disabled={busy || quantity <= 1} onClick={() => change(-1)} path="M6 12h12" />
          <output aria-live="polite" aria-label={`Quantity ${quantity}`} className="w-9 text-center text-lg font-semibold tabular-nums">
            {quantity}
          </output>
          <Step label="One more" disabled={busy || quantity >= QUANTITY_MAX} onClick={() => change(1)} path="M6 12h12M12 6v12" />
        </div>
        <button
          type="submit"
          aria-disabled={busy}
          className={`${BUTTON} h-14 min-w-44 flex-1 px-5! text-lg whitespace-nowrap sm:min-w-52 sm:flex-none aria-disabled:opacity-70`}
        >
          {busy ? 'Sending…' : `Order · ${rupees(total(price, quantity))}`}
        </button>
      </div>
      <div aria-live="assertive">
        {state === 'refused' && <p className="mt-4 rounded-2xl bg-alarm-soft px-5 py-4 font-medium text-alarm">{REFUSED}</p>}
        {state === 'unanswered' && <p className="mt-4 rounded-2xl bg-alarm-soft px-5 py-4 font-medium text-alarm">{UNANSWERED}</p>}
        {state === 'waiting' && <p className="mt-4 rounded-2xl bg-sunken px-5 py-4 font-medium">{WAITING}</p>}
      </div>
      <noscript>
        <p className="mt-4 rounded-2xl bg-sunken px-5 py-4 font-medium">Ordering needs JavaScript: please switch it on for this page.</p>
      </noscript>
    </form>
  )
}

function Step({ label, disabled, onClick, path }: { label: string; disabled: boolean; onClick: () => void; path: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      disabled={disabled}
      onClick={onClick}
      className="grid size-11 place-items-center rounded-full transition-colors enabled:hover:bg-sunken disabled:opacity-40 focus-visible:rounded-full"
    >
      <svg
        viewBox="0 0 24 24"
        className="size-5"
        fill="none"
        stroke="currentColor"
        strokeWidth="2.2"
        strokeLinecap="round"
        aria-hidden="true"
      >
        <path d={path} />
      </svg>
    </button>
  )
}
