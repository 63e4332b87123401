import { connection, liveState } from '../../api/live.ts'
import type { Group, GroupPartition } from 'flowguard/answers'
import { count, rate } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { useStore } from '../../state/store.ts'
import { Badge, Empty, Loading, Page, Panel, Time } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Stale } from '../../ui/stale.tsx'
import { Table, type Column } from '../../ui/table.tsx'

const LAG_MANY_MIN = 2_000

/** What came within the last second is on its way: nobody is behind by it. The loader goes by batches of some seconds. */
const secondsOf = (reader: Group['name']) => (reader === 'loader' ? 5 : 1)
const isLevel = ({ name, lag }: Group, perSecond: number | null | undefined) => lag <= Math.max(1, (perSecond ?? 0) * secondsOf(name))

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
          className="flex items-center gap-1.5 font-medium whitespace-nowrap"
          onClick={() => set({ reader: open === name ? null : name })}
        >
          <Icon name={open === name ? 'down' : 'right'} className="size-3.5 text-muted" />
          {name}
        </button>
      ),
    },
    {
      name: 'state',
      show: (group) =>
        connected === 'lost' ? (
          <Badge>not known</Badge>
        ) : isLevel(group, state?.reader_rates[group.name]) ? (
          <Badge tone="good">level</Badge>
        ) : (
          <Badge tone={group.lag > LAG_MANY_MIN ? 'warn' : 'plain'}>behind</Badge>
        ),
    },
    { name: 'lag', isNumber: true, show: ({ lag }) => count(lag) },
    { name: 'records/s', isNumber: true, show: ({ name }) => rate(state?.reader_rates[name]) },
    ...TALLY.map((key): Column<Group> => ({
      name: key,
      isNumber: true,
      isMinor: key !== 'dead',
      show: ({ tally }) => <Figure of={tally[key]} isBad={key === 'dead'} />,
    })),
  ]
  return (
    <Page
      title="Groups"
      about="Each reader: its place, how far behind it is, and what became of what it read."
      actions={
        state && (
          <>
            <Stale />
            {state.watermark && (
              <span className="text-muted">
                watermark <Time iso={state.watermark} />
              </span>
            )}
          </>
        )
      }
    >
      <div className="px-4 pb-6 md:px-6">
        {state ? (
          <Panel className={connected === 'lost' ? 'opacity-60' : ''}>
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
