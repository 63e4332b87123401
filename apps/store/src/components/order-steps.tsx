import { progress, STEPS } from '../lib/order.ts'

const SAID = { placed: 'Placed', confirmed: 'Confirmed by the kitchen', delivered: 'Delivered' } as const

export function OrderSteps({ status }: { status: string }) {
  const { cancelled, done } = progress(status)
  if (cancelled) return null
  return (
    <ol aria-label="How far your order is" className="mt-9 space-y-0">
      {STEPS.map((step, index) => {
        const reached = index < done
        return (
          <li key={step} aria-current={index === done - 1 ? 'step' : undefined} className="relative flex items-center gap-4 pb-6 last:pb-0">
            {index < STEPS.length - 1 && (
              <span
                aria-hidden="true"
                className={`absolute top-8 bottom-0 left-[0.9375rem] w-0.5 ${index + 1 < done ? 'bg-action' : 'bg-line'}`}
              />
            )}
            <span
              aria-hidden="true"
              className={`grid size-8 shrink-0 place-items-center rounded-full ${reached ? 'bg-action text-on-action' : 'border-2 border-line'}`}
            >
              {reached && (
                <svg
                  viewBox="0 0 24 24"
                  className="size-4"
                  fill="none"
                  stroke="currentColor"
                  strokeWidth="3"
                  strokeLinecap="round"
                  strokeLinejoin="round"
                >
                  <path d="m5 12.5 4.5 4.5L19 7.5" />
                </svg>
              )}
            </span>
            <span className={reached ? 'font-semibold' : 'text-muted'}>
              {SAID[step]}
              <span className="sr-only">{reached ? ', done' : ', to come'}</span>
            </span>
          </li>
        )
      })}
    </ol>
  )
}
