import type { DeadEntry, DeadList } from 'flowguard/answers'
import { count } from '../../model/format.ts'
import { Badge, Button, Time } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'

const TONES = { waiting: 'warn', retried: 'good', dropped: 'plain' } as const

interface Props {
  list: DeadList
  /** Not the first page. */
  isPage: boolean
  picked: ReadonlySet<string>
  onPick: (ids: ReadonlySet<string>) => void
  open: string
  onOpen: (id: string) => void
  onPage: (after: string | null) => void
}

export function Letters({ list: { letters, total, next_after: next }, isPage, picked, onPick, open, onOpen, onPage }: Props) {
  const waiting = letters.filter(({ state }) => state === 'waiting')
  const isAll = waiting.length > 0 && waiting.every(({ dead_id: id }) => picked.has(id))
  const toggled = (id: string) => {
    const changed = new Set(picked)
    if (!changed.delete(id)) changed.add(id)
    return changed
  }
  const columns: Column<DeadEntry>[] = [
    {
      name: 'pick',
      show: ({ dead_id: id, state }) =>
        state === 'waiting' && (
          <input
            type="checkbox"
            className="ticked"
            aria-label={`Pick ${id}`}
            checked={picked.has(id)}
            onChange={() => onPick(toggled(id))}
          />
        ),
    },
    { name: 'died', show: ({ died_at: at }) => <Time iso={at} /> },
    {
      name: 'where from',
      show: ({ dead_id: id, topic, partition, offset }) => (
        <button
          type="button"
          className="num text-left whitespace-nowrap text-accent underline underline-offset-2"
          onClick={() => onOpen(id)}
        >
          {topic}-{partition}@{offset}
        </button>
      ),
    },
    {
      name: 'cause',
      show: ({ reason, reader }) => (
        <span className="whitespace-nowrap">
          {reason} <span className="text-muted">by {reader}</span>
        </span>
      ),
    },
    { name: 'detail', show: ({ detail }) => <span className="line-clamp-2 min-w-48 break-words">{detail}</span> },
    { name: 'tries', isNumber: true, show: ({ tries }) => tries },
    { name: 'state', show: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge> },
  ]
  return (
    <>
      <Table label="Letters" columns={columns} rows={letters} keyOf={({ dead_id: id }) => id} isChosen={({ dead_id: id }) => id === open} />
      <div className="flex flex-wrap items-center gap-3 border-t border-line px-3 py-2 text-muted">
        {waiting.length > 0 && (
          <label className="flex items-center gap-1.5">
            <input
              type="checkbox"
              className="ticked"
              checked={isAll}
              onChange={() => onPick(isAll ? new Set() : new Set(waiting.map(({ dead_id: id }) => id)))}
            />
            Pick all on this page
          </label>
        )}
        <span className="num">{count(total)} fit</span>
        {isPage && <Button onClick={() => onPage(null)}>To the newest</Button>}
        {next !== null && <Button onClick={() => onPage(next)}>Older</Button>}
      </div>
    </>
  )
}
