import { useEffect, useState } from 'react'
import { Button } from './basics.tsx'

interface Props {
  /** What is asked for. */
  label: string
  action: string
  /** As the address has it. */
  value: string
  onSearch: (id: string) => void
}

/** Asks for the id of what a page shows. */
export function IdSearch({ label, action, value, onSearch }: Props) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  return (
    <form
      role="search"
      className="flex gap-2"
      onSubmit={(event) => {
        event.preventDefault()
        onSearch(text.trim())
      }}
    >
      <label className="min-w-0 flex-1">
        <span className="sr-only">{label}</span>
        <input
          className="field h-9 w-full font-mono"
          placeholder={label}
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      <Button type="submit" kind="primary" className="h-9" disabled={text.trim() === ''}>
        {action}
      </Button>
    </form>
  )
}
