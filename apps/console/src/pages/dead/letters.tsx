import type { ReactNode } from 'react'
import type { DeadEntry, DeadList } from 'flowguard/answers'
import { count } from '../../model/format.ts'
import { Badge, Button, Time } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { useMedia } from '../../ui/use-media.ts'

/** From here down there is room for one column beside the pick; beside an open letter, for three. */
const PHONE = '(max-width: 640px)'

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
  const isPhone = useMedia(PHONE)
  const elsewhere = [...picked].filter((id) => !letters.some(({ dead_id: each }) => each === id)).length
  const pick: Column<DeadEntry> = {
    name: 'pick',
    show: ({ dead_id: id, state }) =>
      state === 'waiting' && (
        <input type="checkbox" className="ticked" aria-label={`Pick ${id}`} checked={picked.has(id)} onChange={() => onPick(toggled(id))} />
      ),
  }
  const where: Column<DeadEntry> = {
    name: 'where from',
    isName: true,
    show: ({ dead_id: id, topic, partition, offset }) => (
      <button type="button" className="num text-left whitespace-nowrap text-accent underline underline-offset-2" onClick={() => onOpen(id)}>
        {topic}-{partition}@{offset}
      </button>
    ),
  }
  const died: Column<DeadEntry> = { name: 'died', show: ({ died_at: at }) => <Time iso={at} /> }
  const cause: Column<DeadEntry> = { name: 'cause', show: (letter) => <Cause letter={letter} /> }
  const rest: Column<DeadEntry>[] = [
    { name: 'detail', show: ({ detail }) => <span className="line-clamp-2 min-w-48 break-words">{detail}</span> },
    { name: 'tries', isNumber: true, show: ({ tries }) => tries },
    { name: 'state', show: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge> },
  ]
  const columns: Column<DeadEntry>[] = isPhone
    ? [pick, { name: 'letter', show: (letter) => <Card letter={letter} name={where.show(letter)} /> }]
    : [pick, died, where, cause, ...(open === '' ? rest : [])]
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
              onChange={() => {
                const ids = waiting.map(({ dead_id: id }) => id)
                onPick(isAll ? new Set([...picked].filter((id) => !ids.includes(id))) : new Set([...picked, ...ids]))
              }}
            />
            Pick all on this page
          </label>
        )}
        <span className="num">{count(total)} fit</span>
        {elsewhere > 0 && <span className="num">{count(elsewhere)} picked on other pages</span>}
        {isPage && <Button onClick={() => onPage(null)}>To the newest</Button>}
        {next !== null && <Button onClick={() => onPage(next)}>Older</Button>}
      </div>
    </>
  )
}

function Cause({ letter: { reason, reader } }: { letter: DeadEntry }) {
  return (
    <span className="whitespace-nowrap">
      {reason} <span className="text-muted">by {reader}</span>
    </span>
  )
}

/** All of a letter in one cell. */
function Card({ letter, name }: { letter: DeadEntry; name: ReactNode }) {
  const { detail, died_at: at, state } = letter
  return (
    <div className="flex flex-col gap-0.5">
      <span className="flex flex-wrap items-baseline justify-between gap-x-2">
        {name}
        <Badge tone={TONES[state]}>{state}</Badge>
      </span>
      <Cause letter={letter} />
      <span className="line-clamp-2 break-words">{detail}</span>
      <span className="text-xs text-muted">
        <Time iso={at} />
      </span>
    </div>
  )
}
