import { useRef, type ReactNode } from 'react'
import { useOverflow } from './use-overflow.ts'

export interface Column<T> {
  name: string
  /** For figures: set right, in columns. */
  isNumber?: boolean
  /** It says which row it is; the first column does where none is said to. */
  isName?: boolean
  /** Left out where there is little room: on a phone, and beside what is open. */
  isMinor?: boolean
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
  /** How high it may become; its head stays seen. */
  className?: string
}

const MINOR = '@max-3xl:hidden'

/** Some tens of rows. What is longer is a list of its own that shows only what is seen. */
export function Table<T>({ label, columns, rows, keyOf, isChosen, below, sort, onSort, className = '' }: Props<T>) {
  const box = useRef<HTMLDivElement>(null)
  const { canScroll, hasMoreRight } = useOverflow(box)
  const named = columns.find(({ isName }) => isName) ?? columns[0]
  return (
    <div className="@container relative">
      <div ref={box} role="group" aria-label={label} tabIndex={canScroll ? 0 : undefined} className={`overflow-auto ${className}`}>
        <table className="w-full border-collapse">
          <thead>
            <tr className="text-left text-2xs text-muted">
              {columns.map((column) => (
                <Head key={column.name} column={column} sort={sort} onSort={onSort} />
              ))}
            </tr>
          </thead>
          {rows.map((row) => {
            const more = below?.(row)
            return (
              <tbody key={keyOf(row)} className="border-b border-line last:border-0">
                <tr className={isChosen?.(row) ? 'bg-accent-soft' : 'hover:bg-raised'}>
                  {columns.map((column) => (
                    <Cell key={column.name} column={column} isName={column === named}>
                      {column.show(row)}
                    </Cell>
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
      {hasMoreRight && (
        <span aria-hidden className="pointer-events-none absolute inset-y-0 right-0 w-6 bg-linear-to-l from-black/15 to-transparent" />
      )}
    </div>
  )
}

interface HeadProps<T> {
  column: Column<T>
  sort: Sort | undefined
  onSort: ((by: string) => void) | undefined
}

function Head<T>({ column: { name, isNumber, isMinor, sortBy }, sort, onSort }: HeadProps<T>) {
  const isBy = sort?.by === name
  return (
    <th
      scope="col"
      aria-sort={isBy ? (sort.isDescending ? 'descending' : 'ascending') : undefined}
      className={`sticky top-0 z-1 bg-panel px-3 py-1.5 font-medium whitespace-nowrap shadow-[inset_0_-1px_var(--color-line)] ${isNumber ? 'text-right' : ''} ${isMinor ? MINOR : ''}`}
    >
      {sortBy && onSort ? (
        <button type="button" className={`font-medium hover:text-ink ${isBy ? 'text-ink' : ''}`} onClick={() => onSort(name)}>
          {!isNumber && name}
          <span aria-hidden className="inline-block w-3 text-center">
            {isBy && (sort.isDescending ? '↓' : '↑')}
          </span>
          {isNumber && name}
        </button>
      ) : (
        name
      )}
    </th>
  )
}

function Cell<T>({ column: { isNumber, isMinor }, isName, children }: { column: Column<T>; isName: boolean; children: ReactNode }) {
  const className = `px-3 py-1.5 align-top ${isNumber ? 'num text-right whitespace-nowrap' : ''} ${isMinor ? MINOR : ''}`
  if (!isName) return <td className={className}>{children}</td>
  return (
    <th scope="row" className={`text-left font-normal ${className}`}>
      {children}
    </th>
  )
}
