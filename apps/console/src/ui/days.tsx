import { useEffect, useState } from 'react'
import { dayOf, rangeTitle, type Days, type Range, type RangeName } from '../model/days.ts'
import { Segments } from './segments.tsx'

const TODAY_EVERY_MS = 30_000
const TYPED_MS = 400
/** Before it nothing is: a year that is still being typed is no year. */
const DAY_MIN = '2000-01-01'

/** The UTC day, also after midnight. */
export function useToday(): string {
  const [today, setToday] = useState(() => dayOf(Date.now()))
  useEffect(() => {
    const timer = window.setInterval(() => setToday(dayOf(Date.now())), TODAY_EVERY_MS)
    return () => window.clearInterval(timer)
  }, [])
  return today
}

interface DayFieldProps {
  label: string
  isLabelSeen?: boolean
  value: string
  today: string
  onChange: (day: string) => void
}

/** A UTC day; said once nobody types any more, and only where it is one. */
export function DayField({ label, isLabelSeen = false, value, today, onChange }: DayFieldProps) {
  const [text, setText] = useState(value)
  const [isGood, setGood] = useState(true)
  useEffect(() => setText(value), [value])
  const isNews = text !== value && text !== '' && isGood
  useEffect(() => {
    if (!isNews) return
    const timer = window.setTimeout(() => onChange(text), TYPED_MS)
    return () => window.clearTimeout(timer)
  }, [text, isNews, onChange])
  // What is pressed next is of the day that is seen.
  const say = () => isNews && onChange(text)
  return (
    <label className="flex flex-col gap-0.5">
      <span className={isLabelSeen ? 'text-2xs text-muted' : 'sr-only'}>{label}</span>
      <input
        className="field num"
        type="date"
        required
        min={DAY_MIN}
        max={today}
        value={text}
        onBlur={say}
        onKeyDown={({ key }) => key === 'Enter' && say()}
        onChange={({ target }) => {
          setText(target.value)
          setGood(target.validity.valid)
        }}
      />
    </label>
  )
}

interface PickerProps {
  range: Range
  choices: readonly RangeName[]
  today: string
  /** What is to stand in the address. */
  onChoose: (said: { range: RangeName | null; from: string | null; to: string | null }, how: { replace: boolean }) => void
}

/** Some days up to now, or days of one's own. */
export function DaysPicker({ range: { name, from, to }, choices, today, onChoose }: PickerProps) {
  const own = (days: Days) => onChoose({ range: 'own', ...days }, { replace: true })
  const choose = (chosen: RangeName) =>
    onChoose(chosen === 'own' ? { range: 'own', from, to } : { range: chosen === choices[0] ? null : chosen, from: null, to: null }, {
      replace: false,
    })
  return (
    <>
      <Segments label="Days" choices={choices.map((each) => [each, rangeTitle(each)] as const)} chosen={name} onChoose={choose} />
      {name === 'own' && (
        <span className="flex items-center gap-1.5">
          <DayField label="From, a UTC day" value={from} today={today} onChange={(day) => own({ from: day, to: to < day ? day : to })} />
          <span className="text-muted">to</span>
          <DayField label="To, included" value={to} today={today} onChange={(day) => own({ from: from > day ? day : from, to: day })} />
        </span>
      )}
    </>
  )
}
