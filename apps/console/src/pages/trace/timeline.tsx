import type { Step } from 'flowguard/answers'
import { duration } from '../../model/format.ts'
import { Time } from '../../ui/basics.tsx'

const DOTS: Record<Step['state'], string> = {
  done: 'border-accent bg-accent',
  coming: 'border-warn bg-panel',
  amiss: 'border-bad bg-bad',
}

/** The steps in their order; what is known of when, and how long after the one before. */
export function Timeline({ steps }: { steps: readonly Step[] }) {
  return (
    <ol className="p-3">
      {steps.map((step, at) => {
        const before = steps.slice(0, at).findLast((each) => each.at !== null)?.at
        return (
          <li key={`${at} ${step.part}`} className="grid grid-cols-[1rem_minmax(0,1fr)] gap-x-3">
            <span aria-hidden className="flex flex-col items-center">
              <span className={`mt-1.5 size-2.5 shrink-0 rounded-full border-2 ${DOTS[step.state]}`} />
              {at < steps.length - 1 && <span className="w-px flex-1 bg-edge" />}
            </span>
            <div className="pb-3">
              <p className="flex flex-wrap items-baseline gap-x-3">
                <span className="font-semibold">{step.part}</span>
                {step.at !== null && (
                  <span className="text-xs text-muted">
                    <Time iso={step.at} />
                    {before !== undefined &&
                      before !== null &&
                      Date.parse(step.at) >= Date.parse(before) &&
                      ` (+${duration(Date.parse(step.at) - Date.parse(before))})`}
                  </span>
                )}
              </p>
              <p className="break-words">
                {step.what}
                {step.state === 'coming' && <span className="sr-only">, still to come</span>}
              </p>
            </div>
          </li>
        )
      })}
    </ol>
  )
}
