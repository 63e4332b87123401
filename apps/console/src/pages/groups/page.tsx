import { connection, liveState } from '../../api/live.ts'
import type { Group, GroupPartition } from 'flowguard/answers'
import { count, rate } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Empty, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { Icon } from '../../ui/icons.tsx'

const TALLY = ['read', 'applied', 'duplicate', 'late', 'skipped', 'dead'] as const

export function GroupsPage() {
  const { get, set } = useAddress()
  const [state, connected] = [useStore(liveState), useStore(connection)]
  const open = get('reader')
  const columns: Column<Group>[] = [
    {
      name: 'reader',
      show: ({ name }) => (
        <button
          type="button"
          aria-expanded={open === name}
          className="flex items-center gap-1.5 font-medium"
          onClick={() => set({ reader: open === name ? null : name })}
        >
          <Icon name={open === name ? 'down' : 'right'} className="size-3.5 text-muted" />
          {name}
        </button>
      ),
    },
    {
      name: 'state',
      show: ({ caught_up: isLevel, lag }) =>
        isLevel ? <Badge tone="good">level</Badge> : <Badge tone={lag > 2_000 ? 'warn' : 'plain'}>behind</Badge>,
    },
    { name: 'lag', isNumber: true, show: ({ lag }) => count(lag) },
    { name: 'records/s', isNumber: true, show: ({ name }) => rate(state?.reader_rates[name]) },
    ...TALLY.map((key): Column<Group> => ({
      name: key,
      isNumber: true,
      show: ({ tally }) => <Figure of={tally[key]} isBad={key === 'dead'} />,
    })),
  ]
  return (
    <Page
      title="Groups"
      about="Each reader: its place, how far behind it is, and what became of what it read."
      actions={
        state?.watermark && (
          <span className="text-muted">
            watermark <Time iso={state.watermark} />
          </span>
        )
      }
    >
      <div className="px-4 pb-6 md:px-6">
        {state ? (
          <Panel>
            <Table
              label="Readers"
              columns={columns}
              rows={state.readers}
              keyOf={({ name }) => name}
              below={(group) => open === group.name && <Partitions group={group} />}
            />
          </Panel>
        ) : connected === 'lost' ? (
          <Empty title="The operations API does not answer">It is asked again every few seconds.</Empty>
        ) : (
          <Loading what="the readers" />
        )}
      </div>
    </Page>
  )
}

function Figure({ of, isBad = false }: { of: number; isBad?: boolean }) {
  return <span className={of === 0 ? 'text-muted' : isBad ? 'text-bad' : ''}>{count(of)}</span>
}

function Partitions({ group }: { group: Group }) {
  const columns: Column<GroupPartition>[] = [
    { name: 'partition', show: ({ topic, partition }) => `${topic}-${partition}` },
    { name: 'next', isNumber: true, show: ({ next }) => count(next) },
    { name: 'end', isNumber: true, show: ({ end }) => count(end) },
    { name: 'lag', isNumber: true, show: ({ lag }) => <Figure of={lag} /> },
    { name: 'its time', isNumber: true, show: ({ time }) => (time === null ? 'none yet' : <Time iso={time} />) },
    { name: 'heartbeats', isNumber: true, show: ({ heartbeats }) => <Figure of={heartbeats} /> },
    ...TALLY.map((key): Column<GroupPartition> => ({
      name: key,
      isNumber: true,
      show: ({ tally }) => <Figure of={tally[key]} isBad={key === 'dead'} />,
    })),
  ]
  return (
    <div className="border-t border-line bg-ground p-2">
      <Table
        label={`Partitions of ${group.name}`}
        columns={columns}
        rows={group.partitions}
        keyOf={({ topic, partition }) => `${topic}-${partition}`}
      />
    </div>
  )
}
