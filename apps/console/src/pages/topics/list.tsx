import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useEffect, useRef, type KeyboardEvent } from 'react'
import type { RecordShown } from 'flowguard/answers'
import { count } from '../../model/format.ts'
import { Badge, Button, Empty, Failure, Loading, Time } from '../../ui/basics.tsx'
import type { Records } from './use-records.ts'

const ROW_PX = 30
const AHEAD_COUNT = 2_000
const COLUMNS =
  'grid grid-cols-[6.5rem_4.5rem_minmax(0,1fr)] md:grid-cols-[12.5rem_6rem_6.5rem_9rem_minmax(0,1fr)] gap-x-3 items-center px-3'

const TONES: Record<string, 'accent' | 'good' | 'plain' | 'bad'> = { order: 'good', click: 'accent', purchase: 'good' }

interface Props {
  records: Records
  open: string
  onOpen: (record: RecordShown) => void
}

/** However many there are, only those that are seen are in the page; more are asked for before the end is reached. */
export function RecordList({ records, open, onOpen }: Props) {
  const { rows, looked, isLoading, isDone, error, more, reload } = records
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW_PX, overscan: 12 })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (last >= rows.length - AHEAD_COUNT) more()
  }, [last, rows.length, more, isLoading])

  if (rows.length === 0 && error) return <Failure error={error} onRetry={reload} />
  if (rows.length === 0 && isLoading)
    return looked > 0 ? (
      <p role="status" className="p-6 text-center text-muted">
        Looked at {count(looked)} records; going on…
      </p>
    ) : (
      <Loading what="records" rows={12} />
    )
  if (rows.length === 0)
    return <Empty title="No record fits">{looked > 0 ? `${count(looked)} were looked at.` : 'There are none here yet.'}</Empty>
  return (
    <>
      <div aria-hidden className={`${COLUMNS} h-7 shrink-0 border-b border-line text-2xs text-muted`}>
        <span>appended</span>
        <span className="hidden md:block">place</span>
        <span>type</span>
        <span className="hidden md:block">key</span>
        <span>value</span>
      </div>
      <div
        ref={box}
        role="list"
        aria-label="Records"
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto"
        onKeyDown={(event) => step(event, (at) => virtual.scrollToIndex(at))}
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
                <Row record={record} at={index} isOpen={open === `${record.partition}:${record.offset}`} onOpen={onOpen} />
              </div>
            )
          })}
        </div>
      </div>
      <p role="status" className="flex min-h-8 shrink-0 flex-wrap items-center gap-x-3 border-t border-line px-3 text-xs text-muted">
        <span className="num">{count(rows.length)} records</span>
        <span>{isDone ? 'that is all of them' : isLoading ? 'loading more…' : 'scroll for more'}</span>
        {looked > rows.length && <span className="num hidden sm:inline">{count(looked)} looked at</span>}
        {error && (
          <>
            <span className="text-bad">{error.message}</span>
            <Button onClick={reload}>Try again</Button>
          </>
        )}
      </p>
    </>
  )
}

const Row = memo(function Row({
  record,
  at,
  isOpen,
  onOpen,
}: {
  record: RecordShown
  at: number
  isOpen: boolean
  onOpen: Props['onOpen']
}) {
  const { partition, offset, key, appended_at: appendedAt, type, gist } = record
  return (
    <button
      type="button"
      data-at={at}
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

/** Up and down between the rows. */
function step(event: KeyboardEvent<HTMLDivElement>, scrollTo: (at: number) => void) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  const from = (event.target as HTMLElement).dataset['at']
  if (by === undefined || from === undefined) return
  event.preventDefault()
  const list = event.currentTarget
  const to = Number(from) + by
  if (to < 0) return
  scrollTo(to)
  window.requestAnimationFrame(() => list.querySelector<HTMLElement>(`[data-at="${to}"]`)?.focus())
}
