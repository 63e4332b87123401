import { useState } from 'react'
import type { CauseSum, DifferenceShown, HourShown, ReconCause } from 'flowguard/answers'
import { Link } from 'wouter'
import { useAsk } from '../../api/use-ask.ts'
import type { Range } from '../../model/days.ts'
import { count, exactMoney, exactMoneyOf, sumOfMoney } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Badge, Empty, Failure, Loading, Panel, Time } from '../../ui/basics.tsx'
import { Select } from '../../ui/pick.tsx'
import { Table, type Column } from '../../ui/table.tsx'

const EVERY_MS = 15_000
const HOURS_SHOWN = 48
const DIFFERENCES_SHOWN = 50

interface Hours {
  hours: HourShown[]
  causes: CauseSum[]
  differences_total: number
  waiting: number
}

interface Found {
  differences: DifferenceShown[]
  total: number
}

const causeTone = (cause: ReconCause) => (cause === 'unexplained' ? 'bad' : cause === 'late' ? 'warn' : 'plain')

/** Stream against batch: the hours that were gone through, what differed, and what billing was put right by. */
export function Reconciliation({ range: { from, to } }: { range: Range }) {
  const { get, set } = useAddress()
  const [isAll, setAll] = useState(false)
  const cause = get('cause')
  const { data, error, reload } = useAsk<Hours>(`/api/reconcile/hours?from=${from}&to=${to}`, { everyMs: EVERY_MS })
  if (error && !data) return <Failure error={error} onRetry={reload} />
  if (!data) return <Loading what="the reconciliation" rows={3} />
  const { hours, causes, waiting } = data
  const differing = hours.filter((each) => Object.keys(each.causes).length > 0)
  const shown = (isAll ? hours : differing).toReversed().slice(0, HOURS_SHOWN)
  return (
    <>
      <Panel
        title="Reconciliation"
        actions={
          <label className="flex items-center gap-1.5">
            <input type="checkbox" className="ticked" checked={isAll} onChange={(event) => setAll(event.target.checked)} />
            Hours that agree too
          </label>
        }
      >
        <p className="border-b border-line px-3 py-2 text-muted">
          {hours.length === 0
            ? 'No hour of these days has been held against the warehouse yet: the nightly ETL does it.'
            : `Held against the warehouse: ${hours.length === 1 ? '1 hour' : `${count(hours.length)} hours`}, of which ${differing.length === 0 ? 'none' : count(differing.length)} differed.`}
          {waiting > 0 && ` ${count(waiting)} corrections wait for billing.`}
        </p>
        {causes.length > 0 && <Table label="Causes" columns={causeColumns(causes)} rows={causes} keyOf={(each) => each.cause} />}
        {shown.length > 0 && <Table label="Hours" columns={hourColumns(shown)} rows={shown} keyOf={({ hour }) => hour} />}
      </Panel>
      {causes.length > 0 && (
        <Panel
          title="Differences"
          actions={
            <Select
              label="Cause"
              value={cause}
              all="all causes"
              options={causes.map((each) => each.cause)}
              onChoose={(next) => set({ cause: next })}
            />
          }
        >
          <Differences
            key={cause}
            path={`/api/reconcile/differences?from=${from}&to=${to}&limit=${DIFFERENCES_SHOWN}${cause === '' ? '' : `&cause=${cause}`}`}
          />
        </Panel>
      )}
    </>
  )
}

function causeColumns(causes: readonly CauseSum[]): Column<CauseSum>[] {
  const show = exactMoneyOf(causes.map(({ amount }) => amount))
  return [
    { name: 'cause', show: ({ cause }) => <Badge tone={causeTone(cause)}>{cause}</Badge> },
    { name: 'differences', isNumber: true, show: ({ differences }) => count(differences) },
    { name: 'corrected', isNumber: true, show: ({ amount }) => show(amount) },
    { name: 'waived', isMinor: true, isNumber: true, show: ({ waived }) => (waived === 0 ? '–' : exactMoney(waived)) },
  ]
}

function hourColumns(hours: readonly HourShown[]): Column<HourShown>[] {
  const show = exactMoneyOf(hours.flatMap(({ stream, batch, corrected }) => [stream, batch, corrected]))
  return [
    { name: 'hour', show: ({ hour }) => <Time iso={hour} /> },
    { name: 'orders', isMinor: true, isNumber: true, show: ({ orders }) => count(orders) },
    { name: 'charges', isMinor: true, isNumber: true, show: ({ charges }) => count(charges) },
    { name: 'stream', isMinor: true, isNumber: true, show: ({ stream }) => show(stream) },
    { name: 'batch', isNumber: true, show: ({ batch, waived }) => show(sumOfMoney([batch, -waived])) },
    { name: 'corrected', isNumber: true, show: ({ corrected }) => (corrected === 0 ? '–' : show(corrected)) },
    {
      name: 'differences',
      show: ({ causes }) => (
        <span className="flex flex-wrap gap-1">
          {(Object.entries(causes) as [ReconCause, number][]).map(([cause, n]) => (
            <Badge key={cause} tone={causeTone(cause)}>
              {cause} {count(n)}
            </Badge>
          ))}
        </span>
      ),
    },
  ]
}

function Differences({ path }: { path: string }) {
  const { data, error, reload } = useAsk<Found>(path, { everyMs: EVERY_MS })
  if (error && !data) return <Failure error={error} onRetry={reload} />
  if (!data) return <Loading what="the differences" />
  if (data.total === 0) return <Empty title="No difference of this cause" />
  const show = exactMoneyOf(data.differences.map(({ amount }) => amount))
  const columns: Column<DifferenceShown>[] = [
    { name: 'hour', isMinor: true, show: ({ hour }) => <Time iso={hour} /> },
    { name: 'cause', show: ({ cause }) => <Badge tone={causeTone(cause)}>{cause}</Badge> },
    {
      name: 'event',
      isName: true,
      show: ({ event_id: id, detail }) => (
        <>
          <Link href={linkTo('/trace', { id })} className="font-mono text-xs break-all text-accent underline underline-offset-2">
            {id}
          </Link>
          <span className="block min-w-56 text-xs text-muted">{detail}</span>
        </>
      ),
    },
    { name: 'of', isMinor: true, show: ({ kind, ad_id: ad }) => (ad === null ? kind : `${kind}, ${ad}`) },
    { name: 'corrected', isNumber: true, show: ({ amount, waived }) => (amount === 0 ? (waived === 0 ? '–' : 'waived') : show(amount)) },
    { name: 'applied', isMinor: true, show: ({ applied }) => (applied ? 'yes' : 'waits') },
  ]
  return (
    <>
      <Table label="Differences" columns={columns} rows={data.differences} keyOf={(each) => each.correction_id} />
      {data.total > data.differences.length && (
        <p className="px-3 py-2 text-muted">
          and {count(data.total - data.differences.length)} more: <code>npx flowguard reconcile differences</code>
        </p>
      )}
    </>
  )
}
