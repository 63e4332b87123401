import type { DeadGroup } from 'flowguard/answers'
import { count } from '../../model/format.ts'
import { Badge, Empty, Panel, Time } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { useMedia } from '../../ui/use-media.ts'

/** What each cause means, for whoever meets it for the first time. */
const MEANINGS: Record<string, string> = {
  invalid_event: 'it is no event that its reader knows',
  id_conflict: 'its id is taken by another content',
  handler_failed: 'working it off failed, however often it was tried',
}

interface Props {
  groups: readonly DeadGroup[]
  reason: string
  reader: string
  onChoose: (filter: { reason: string | null; reader: string | null }) => void
}

export function Causes({ groups, reason, reader, onChoose }: Props) {
  const isChosen = (group: DeadGroup) =>
    (reason !== '' || reader !== '') && (reason === '' || group.reason === reason) && (reader === '' || group.reader === reader)
  const isPhone = useMedia('(max-width: 640px)')
  const columns: Column<DeadGroup>[] = [
    {
      name: 'cause',
      show: (group) => (
        <button
          type="button"
          aria-pressed={isChosen(group)}
          className="text-left"
          onClick={() => onChoose(isChosen(group) ? { reason: null, reader: null } : { reason: group.reason, reader: group.reader })}
        >
          <span className="font-medium text-accent underline underline-offset-2">{group.reason}</span>
          {isPhone && <span className="text-muted"> by {group.reader}</span>}
          <span className="block text-xs text-muted">{MEANINGS[group.reason]}</span>
        </button>
      ),
    },
    ...(isPhone ? [] : [{ name: 'buried by', show: (group: DeadGroup) => group.reader }]),
    { name: 'waiting', isNumber: true, show: ({ waiting }) => (waiting > 0 ? <Badge tone="warn">{count(waiting)}</Badge> : '0') },
    { name: 'in all', isNumber: true, show: (group) => count(group.count) },
    ...(isPhone ? [] : [{ name: 'newest', isNumber: true, show: ({ newest }: DeadGroup) => <Time iso={newest} /> }]),
  ]
  return (
    <Panel title="By cause">
      {groups.length > 0 ? (
        <Table
          label="Dead letters by cause"
          columns={columns}
          rows={groups}
          keyOf={(group) => `${group.reason} ${group.reader}`}
          isChosen={isChosen}
        />
      ) : (
        <Empty title="There are no dead letters" />
      )}
    </Panel>
  )
}
