import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useEffect, useRef, useState, type RefObject } from 'react'
import type { RecordShown } from 'flowguard/answers'
import { count } from '../../model/format.ts'
import { Badge, Button, Empty, Failure, Loading, Time } from '../../ui/basics.tsx'
import { useRowKeys } from './row-keys.ts'
import type { Records } from './use-records.ts'

const ROW_PX = 30
const AHEAD_COUNT = 2_000
const COLUMNS =
  'grid grid-cols-[6.5rem_4.5rem_minmax(0,1fr)] md:grid-cols-[12.5rem_6rem_6.5rem_9rem_minmax(0,1fr)] gap-x-3 items-center px-3'

const TONES: Record<string, 'accent' | 'good' | 'plain' | 'bad'> = { order: 'good', click: 'accent', purchase: 'good' }
const placeOf = ({ partition, offset }: RecordShown) => `${partition}:${offset}`

interface Props {
  records: Records
  open: string
  onOpen: (record: RecordShown) => void
}

export function RecordList({ records, open, onOpen }: Props) {
  const { rows, looked, isDone, isPaused, error, further, reload } = records
  if (rows.length > 0) return <Rows records={records} open={open} onOpen={onOpen} />
  if (error) return <Failure error={error} onRetry={reload} />
  if (isDone) return <Empty title="No record fits">{looked > 0 ? `${count(looked)} were looked at.` : 'There are none here yet.'}</Empty>
  if (isPaused)
    return (
      <Empty title="No record fits so far">
        <p className="mb-2">{count(looked)} were looked at, and there are more.</p>
        <Button onClick={further}>Look further</Button>
      </Empty>
    )
  return <Searching records={records} />
}

/** Nothing that fits has been found yet: on to the next page of the log. */
function Searching({ records: { looked, isLoading, more } }: { records: Records }) {
  useEffect(more, [more, looked, isLoading])
  if (looked === 0) return <Loading what="records" rows={12} />
  return (
    <p className="p-6 text-center text-muted">
      <span role="status">Looking on;</span> <span className="num">{count(looked)}</span> records so far
    </p>
  )
}

/** However many there are, only those that are seen are in the page; more are asked for before the end is reached. */
function Rows({ records, open, onOpen }: Props) {
  const { rows, isLoading, isDone, fresh, more, takeFresh } = records
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    // Its record's: what is pointed at, focused or open stays itself when newer ones come above it.
    getItemKey: (at) => placeOf(rows[at] as RecordShown),
    overscan: 12,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (last >= rows.length - AHEAD_COUNT) more()
  }, [last, rows.length, more, isLoading])
  const { isHeld, hold } = useHold(box)
  useEffect(() => {
    if (fresh > 0 && !isHeld) takeFresh()
  }, [fresh, isHeld, takeFresh])
  const { stop, onKeyDown, onFocus } = useRowKeys({
    box,
    rowPx: ROW_PX,
    count: rows.length,
    keys: items.map(({ key }) => String(key)),
    scrollTo: (at) => virtual.scrollToIndex(at),
  })
  return (
    <>
      <div className={`${COLUMNS} relative h-7 shrink-0 border-b border-line text-2xs text-muted`}>
        <span aria-hidden>appended</span>
        <span aria-hidden className="hidden md:block">
          place
        </span>
        <span aria-hidden>type</span>
        <span aria-hidden className="hidden md:block">
          key
        </span>
        <span aria-hidden>value</span>
        {fresh > 0 && isHeld && (
          <button
            type="button"
            className="num absolute top-1 right-3 rounded bg-accent px-2 text-2xs leading-5 font-medium text-on-accent"
            onClick={() => {
              takeFresh()
              virtual.scrollToOffset(0)
            }}
          >
            {count(fresh)} new
          </button>
        )}
      </div>
      <div
        ref={box}
        role="list"
        aria-label="Records"
        className="min-h-0 flex-1 overflow-y-auto"
        onKeyDown={onKeyDown}
        onFocus={onFocus}
        {...hold}
      >
        <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, start, key }) => {
            const record = rows[index] as RecordShown
            return (
              <div
                key={key}
                role="listitem"
                aria-setsize={isDone ? rows.length : -1}
                aria-posinset={index + 1}
                className="absolute inset-x-0 top-0"
                style={{ height: ROW_PX, transform: `translateY(${start}px)` }}
              >
                <Row record={record} at={index} isStop={String(key) === stop} isOpen={open === placeOf(record)} onOpen={onOpen} />
              </div>
            )
          })}
        </div>
      </div>
      <Foot records={records} />
    </>
  )
}

/** While somebody reads further down, points at a row or is at one by the keyboard, nothing is put in above it. */
function useHold(box: RefObject<HTMLDivElement | null>) {
  const [by, setBy] = useState({ scroll: false, pointer: false, focus: false })
  const set = (change: Partial<typeof by>) => setBy((before) => ({ ...before, ...change }))
  return {
    isHeld: by.scroll || by.pointer || by.focus,
    hold: {
      onScroll: () => {
        const isScrolled = (box.current?.scrollTop ?? 0) > 0
        if (isScrolled !== by.scroll) set({ scroll: isScrolled })
      },
      onPointerEnter: ({ pointerType }: { pointerType: string }) => pointerType === 'mouse' && set({ pointer: true }),
      onPointerLeave: () => set({ pointer: false }),
      onFocusCapture: () => set({ focus: true }),
      onBlurCapture: () => set({ focus: false }),
    },
  }
}

/** Its figures change all the time: only that all are there is announced. */
function Foot({ records: { rows, looked, isLoading, isDone, isPaused, error, further, reload } }: { records: Records }) {
  return (
    <div className="flex min-h-8 shrink-0 flex-wrap items-center gap-x-3 border-t border-line px-3 text-xs text-muted">
      <span className="num">{count(rows.length)} records</span>
      <span>{isDone ? 'that is all of them' : isLoading ? 'loading more…' : isPaused ? 'there may be more' : 'scroll for more'}</span>
      {looked > rows.length && <span className="num hidden sm:inline">{count(looked)} looked at</span>}
      {isPaused && <Button onClick={further}>Look further</Button>}
      <span role="status" className="sr-only">
        {isDone && 'All records are there'}
      </span>
      {error && (
        <>
          <span role="alert" className="text-bad">
            {error.message}
          </span>
          <Button onClick={reload}>Try again</Button>
        </>
      )}
    </div>
  )
}

interface RowProps {
  record: RecordShown
  at: number
  /** The one row at which Tab stops. */
  isStop: boolean
  isOpen: boolean
  onOpen: Props['onOpen']
}

const Row = memo(function Row({ record, at, isStop, isOpen, onOpen }: RowProps) {
  const { partition, offset, key, appended_at: appendedAt, type, gist } = record
  return (
    <button
      type="button"
      data-at={at}
      data-key={placeOf(record)}
      tabIndex={isStop ? 0 : -1}
      aria-current={isOpen ? 'true' : undefined}
      onClick={() => onOpen(record)}
      className={`${COLUMNS} h-full w-full border-b border-line text-left ${isOpen ? 'bg-accent-soft' : 'hover:bg-raised'}`}
    >
      <span className="truncate text-xs md:hidden">
        <Time iso={appendedAt} isTimeOnly />
      </span>
      <span className="hidden text-xs md:block">
        <Time iso={appendedAt} />
      </span>
      <span className="num hidden truncate text-xs md:block">
        {partition}@{offset}
      </span>
      <span className="truncate">{type !== null && <Badge tone={TONES[type] ?? 'plain'}>{type}</Badge>}</span>
      <span className="hidden truncate font-mono text-xs md:block">{key}</span>
      <span className="truncate font-mono text-xs text-muted">{gist}</span>
    </button>
  )
})
