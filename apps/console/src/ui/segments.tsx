interface Props<T extends string> {
  label: string
  choices: readonly (readonly [value: T, name: string])[]
  chosen: T
  onChoose: (value: T) => void
}

/** One of a few, all of them seen. */
export function Segments<T extends string>({ label, choices, chosen, onChoose }: Props<T>) {
  return (
    <div role="group" aria-label={label} className="inline-flex h-7.5 rounded-md border border-edge bg-panel p-0.5">
      {choices.map(([value, name]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === chosen}
          className={`rounded px-2 leading-none whitespace-nowrap ${value === chosen ? 'bg-accent-soft font-medium text-accent' : 'text-muted hover:text-ink'}`}
          onClick={() => onChoose(value)}
        >
          {name}
        </button>
      ))}
    </div>
  )
}
