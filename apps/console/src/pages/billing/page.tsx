import { useCallback } from 'react'
import { rangeOf } from '../../model/days.ts'
import { useAddress } from '../../state/address.ts'
import { Page } from '../../ui/basics.tsx'
import { DaysPicker, useToday } from '../../ui/days.tsx'
import { Advertisers } from './advertisers.tsx'
import { EventsAside } from './events.tsx'
import { Reconciliation } from './reconciliation.tsx'
import { StatementOf } from './statement.tsx'

const CHOICES = ['month', 'previous', 'own'] as const

export function BillingPage() {
  const { get, set } = useAddress()
  const today = useToday()
  const range = rangeOf(get, today, CHOICES)
  const [advertiser, line] = [get('advertiser'), get('line')]
  const close = useCallback(() => set({ line: null, after: null }), [set])
  return (
    <Page
      title="Billing"
      about="What advertisers owe: by ad, day and kind, down to the events. Days are UTC."
      actions={
        <DaysPicker range={range} choices={CHOICES} today={today} onChoose={(said, how) => set({ page: null, line: null, ...said }, how)} />
      }
    >
      <div className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${line ? 'lg:grid-cols-[minmax(0,1fr)_27rem]' : ''}`}>
        <div className="flex min-w-0 flex-col gap-3">
          {advertiser === '' ? (
            <>
              <Advertisers range={range} />
              <Reconciliation range={range} />
            </>
          ) : (
            <StatementOf key={advertiser} advertiser={advertiser} range={range} />
          )}
        </div>
        {line && <EventsAside key={line} line={line} onClose={close} />}
      </div>
    </Page>
  )
}
