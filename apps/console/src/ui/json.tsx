import type { ReactNode } from 'react'

const INDENT = '  '

/** JSON in lines and colours: made of text alone, so whatever a customer wrote stays text. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <pre
      role="group"
      aria-label={label}
      tabIndex={0}
      className="overflow-x-auto p-3 font-mono text-xs leading-5 break-words whitespace-pre-wrap"
    >
      {piece(value, '')}
    </pre>
  )
}

function piece(value: unknown, indent: string): ReactNode {
  if (Array.isArray(value))
    return block(
      value.map((each) => ({ name: undefined, value: each as unknown })),
      ['[', ']'],
      indent,
    )
  if (typeof value === 'object' && value !== null)
    return block(
      Object.entries(value).map(([name, each]) => ({ name, value: each as unknown })),
      ['{', '}'],
      indent,
    )
  return <span className={typeof value === 'string' ? 'text-code-text' : 'text-code-number'}>{JSON.stringify(value)}</span>
}

function block(
  entries: readonly { name: string | undefined; value: unknown }[],
  [open, close]: [string, string],
  indent: string,
): ReactNode {
  if (entries.length === 0) return open + close
  const inner = indent + INDENT
  return (
    <>
      {open}
      {entries.map(({ name, value }, at) => (
        <span key={name ?? at}>
          {`\n${inner}`}
          {name !== undefined && (
            <>
              <span className="text-code-key">{JSON.stringify(name)}</span>
              {': '}
            </>
          )}
          {piece(value, inner)}
          {at < entries.length - 1 && ','}
        </span>
      ))}
      {`\n${indent}${close}`}
    </>
  )
}
