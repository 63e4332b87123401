import type { ReactNode } from 'react'

export interface Column<T> {
  name: string
  /** For figures: set right, in columns. */
  isNumber?: boolean
  show: (row: T) => ReactNode
  /** What it is sorted by, where it can be. */
  sortBy?: (row: T) => number | string
}

/** The column by which the rows are sorted. */
export interface Sort {
  by: string
  isDescending: boolean
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
  /** How the rows are sorted, and what is to be done where a column is chosen to sort by. */
  sort?: Sort
  onSort?: (by: string) => void
}

/** Some tens of rows. What is longer is a list of its own that shows only what is seen. */
export function Table<T>({ label, columns, rows, keyOf, isChosen, below, sort, onSort }: Props<T>) {
  return (
    <div role="group" aria-label={label} tabIndex={0} className="overflow-x-auto">
      <table className="w-full border-collapse">
        <thead>
          <tr className="border-b border-line text-left text-2xs text-muted">
            {columns.map(({ name, isNumber, sortBy }) => (
              <th
                key={name}
                scope="col"
                aria-sort={sort?.by === name ? (sort.isDescending ? 'descending' : 'ascending') : undefined}
                className={`px-3 py-1.5 font-medium whitespace-nowrap ${isNumber ? 'text-right' : ''}`}
              >
                {sortBy && onSort ? (
                  <button
                    type="button"
                    className={`font-medium hover:text-ink ${sort?.by === name ? 'text-ink' : ''}`}
                    onClick={() => onSort(name)}
                  >
                    {!isNumber && name}
                    <span aria-hidden className="inline-block w-3 text-center">
                      {sort?.by === name && (sort.isDescending ? '↓' : '↑')}
                    </span>
                    {isNumber && name}
                  </button>
                ) : (
                  name
                )}
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
