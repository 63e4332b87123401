import type { ReactNode } from 'react'

export interface Column<T> {
  name: string
  /** For figures: set right, in columns. */
  isNumber?: boolean
  show: (row: T) => ReactNode
}

interface Props<T> {
  /** What the table is of, for whoever hears it. */
  label: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  keyOf: (row: T) => string
  isChosen?: (row: T) => boolean
  /** A second line under a row. */
  below?: (row: T) => ReactNode
}

/** Some tens of rows. What is longer is a list of its own that shows only what is seen. */
export function Table<T>({ label, columns, rows, keyOf, isChosen, below }: Props<T>) {
  return (
    <div role="group" aria-label={label} tabIndex={0} className="overflow-x-auto">
      <table className="w-full border-collapse">
        <thead>
          <tr className="border-b border-line text-left text-2xs text-muted">
            {columns.map(({ name, isNumber }) => (
              <th key={name} scope="col" className={`px-3 py-1.5 font-medium whitespace-nowrap ${isNumber ? 'text-right' : ''}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        {rows.map((row) => {
          const more = below?.(row)
          return (
            <tbody key={keyOf(row)} className="border-b border-line last:border-0">
              <tr className={isChosen?.(row) ? 'bg-accent-soft' : 'hover:bg-raised'}>
                {columns.map(({ name, isNumber, show }) => (
                  <td key={name} className={`px-3 py-1.5 align-top ${isNumber ? 'num text-right whitespace-nowrap' : ''}`}>
                    {show(row)}
                  </td>
                ))}
              </tr>
              {more && (
                <tr>
                  <td colSpan={columns.length} className="p-0">
                    {more}
                  </td>
                </tr>
              )}
            </tbody>
          )
        })}
      </table>
    </div>
  )
}
