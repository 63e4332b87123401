import { Link } from 'wouter'
import type { AdvertiserBill, AdvertiserBills } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import type { Range } from '../../model/days.ts'
import { count, exactMoney, exactMoneyOf, sumOfMoney } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Empty, Failure, Loading, Panel } from '../../ui/basics.tsx'
import { CsvButton } from '../../ui/csv-button.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { Bar, Charged, Figures } from './figures.tsx'

export const EVERY_MS = 5_000

/** Who owes what, the greatest total first. */
export function Advertisers({ range: { from, to } }: { range: Range }) {
  const { get } = useAddress()
  const path = `/api/v1/billing/advertisers?from=${from}&to=${to}`
  const { data, error, reload } = useAsk<AdvertiserBills>(path, { everyMs: EVERY_MS })
  if (error && !data) return <Failure error={error} onRetry={reload} />
  if (!data) return <Loading what="the advertisers" />
  if (data.advertisers.length === 0)
    return (
      <Panel>
        <Empty title="Nobody advertises">The ads table is empty: the setting ADS_FILE names the file that it is loaded from.</Empty>
      </Panel>
    )
  const days = { range: get('range'), from: get('from'), to: get('to') }
  const credits = sumOfMoney(data.advertisers.map(({ credit }) => credit.amount))
  const greatest = data.advertisers[0]?.total ?? 0
  const charged = (key: 'cpm' | 'cpc' | 'cpa' | 'credit') => exactMoneyOf(data.advertisers.map((bill) => bill[key].amount))
  const shows = { cpm: charged('cpm'), cpc: charged('cpc'), cpa: charged('cpa'), credit: charged('credit') }
  const showTotal = exactMoneyOf(data.advertisers.map(({ total }) => total))
  const columns: Column<AdvertiserBill>[] = [
    {
      name: 'advertiser',
      show: ({ advertiser_id: id, total }) => (
        <div className="flex min-w-40 flex-col gap-1">
          <Link
            href={linkTo('/billing', { advertiser: id, ...days })}
            className="font-medium break-all text-accent underline underline-offset-2"
          >
            {id}
          </Link>
          <Bar part={total} whole={greatest} />
        </div>
      ),
    },
    { name: 'ads', isMinor: true, isNumber: true, show: ({ ads }) => count(ads) },
    { name: 'impressions (cpm)', isNumber: true, isMinor: true, show: ({ cpm }) => <Charged of={cpm} show={shows.cpm} /> },
    { name: 'clicks (cpc)', isNumber: true, isMinor: true, show: ({ cpc }) => <Charged of={cpc} show={shows.cpc} /> },
    { name: 'orders (cpa)', isNumber: true, isMinor: true, show: ({ cpa }) => <Charged of={cpa} show={shows.cpa} /> },
    { name: 'credits', isNumber: true, isMinor: true, show: ({ credit }) => <Charged of={credit} show={shows.credit} isCredit /> },
    { name: 'total', isNumber: true, show: ({ total }) => <strong className="font-semibold">{showTotal(total)}</strong> },
  ]
  return (
    <>
      {error && <Failure error={error} onRetry={reload} />}
      <Figures
        asOf={data.as_of}
        of={[
          ['Total', exactMoney(data.total)],
          ['Charges', exactMoney(sumOfMoney([data.total, -credits]))],
          ['Credits', exactMoney(credits)],
          ...(data.unassigned === 0 ? [] : [['To ads no longer there', exactMoney(data.unassigned)] as const]),
        ]}
      />
      <Panel title={`Advertisers, ${from} to ${to}`} actions={<CsvButton path={path} of="the advertisers" />}>
        <Table label="Advertisers" columns={columns} rows={data.advertisers} keyOf={({ advertiser_id: id }) => id} />
      </Panel>
    </>
  )
}
