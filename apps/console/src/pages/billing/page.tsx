import { useCallback, useEffect, useState } from 'react'
import { useAddress } from '../../state/address.ts'
import { Page } from '../../ui/basics.tsx'
import { Advertisers } from './advertisers.tsx'
import { EventsAside } from './events.tsx'
import { rangeOf, type Range } from './range.ts'
import { StatementOf } from './statement.tsx'

const TODAY_EVERY_MS = 30_000

export function BillingPage() {
  const { get, set } = useAddress()
  const range = rangeOf({ month: get('month'), from: get('from'), to: get('to') }, useToday())
  const [advertiser, line] = [get('advertiser'), get('line')]
  const close = useCallback(() => set({ line: null, after: null }), [set])
  return (
    <Page
      title="Billing"
      about="What advertisers owe: by ad, day and kind, down to the events. Days are UTC."
      actions={
        <RangeChoice range={range} onChoose={(next) => set({ month: null, from: null, to: null, page: null, line: null, ...next })} />
      }
    >
      <div className={`grid items-start gap-3 px-4 pb-6 md:px-6 ${line ? 'lg:grid-cols-[minmax(0,1fr)_27rem]' : ''}`}>
        <div className="flex min-w-0 flex-col gap-3">
          {advertiser === '' ? <Advertisers range={range} /> : <StatementOf key={advertiser} advertiser={advertiser} range={range} />}
        </div>
        {line && <EventsAside key={line} line={line} onClose={close} />}
      </div>
    </Page>
  )
}

/** The UTC day, also after midnight. */
function useToday(): string {
  const now = () => new Date().toISOString().slice(0, 10)
  const [today, setToday] = useState(now)
  useEffect(() => {
    const timer = window.setInterval(() => setToday(now()), TODAY_EVERY_MS)
    return () => window.clearInterval(timer)
  }, [])
  return today
}

interface RangeProps {
  range: Range
  onChoose: (said: { month?: string; from?: string; to?: string }) => void
}

function RangeChoice({ range: { choice, from, to }, onChoose }: RangeProps) {
  const months = [
    ['month', 'This month', {}],
    ['previous', 'Last month', { month: 'previous' }],
  ] as const
  const day = (name: 'from' | 'to', value: string) => (
    <label className="flex items-center gap-1.5">
      <span className="text-xs text-muted">{name}</span>
      <input
        type="date"
        className="field num"
        value={value}
        onChange={({ target }) => target.value !== '' && onChoose({ from, to, [name]: target.value })}
      />
    </label>
  )
  return (
    <>
      <div role="group" aria-label="Days" className="flex rounded-md border border-edge bg-panel p-0.5">
        {months.map(([name, words, said]) => (
          <button
            key={name}
            type="button"
            aria-pressed={choice === name}
            className={`h-6 rounded px-2 whitespace-nowrap ${choice === name ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:bg-hover'}`}
            onClick={() => onChoose(said)}
          >
            {words}
          </button>
        ))}
      </div>
      {day('from', from)}
      {day('to', to)}
    </>
  )
}
