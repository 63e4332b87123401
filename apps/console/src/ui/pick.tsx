import { Button } from './basics.tsx'

interface SelectProps {
  label: string
  value: string
  /** What is chosen where nothing is. */
  all: string
  options: readonly (string | readonly [value: string, name: string])[]
  onChoose: (value: string) => void
}

/** One of some, or all of them. */
export function Select({ label, value, all, options, onChoose }: SelectProps) {
  return (
    <label className="min-w-0">
      <span className="sr-only">{label}</span>
      <select className="field max-w-52" value={value} onChange={(event) => onChoose(event.target.value)}>
        <option value="">{all}</option>
        {options.map((each) => {
          const [option, name] = typeof each === 'string' ? [each, each] : each
          return (
            <option key={option} value={option}>
              {name}
            </option>
          )
        })}
      </select>
    </label>
  )
}

interface PagerProps {
  /** The first page, where this is another. */
  first?: { name: string; onChoose: () => void } | false
  next?: { name: string; onChoose: () => void } | false
}

/** On to the next page of a list, and back to its first. */
export function Pager({ first, next }: PagerProps) {
  return [first, next].map(
    (way) =>
      way && (
        <Button key={way.name} onClick={way.onChoose}>
          {way.name}
        </Button>
      ),
  )
}
