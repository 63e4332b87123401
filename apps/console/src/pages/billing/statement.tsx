import { Link } from 'wouter'
import type { Statement, StatementAd } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import type { Range } from '../../model/days.ts'
import { count, exactMoney, exactMoneyOf, sumOfMoney } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Badge, Failure, Loading, Panel } from '../../ui/basics.tsx'
import { CsvButton } from '../../ui/csv-button.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { EVERY_MS } from './advertisers.tsx'
import { Bar, Figures } from './figures.tsx'
import { PER } from './kinds.ts'
import { Lines } from './lines.tsx'

/** One advertiser's statement: sums, ads with their budgets, and every line. */
export function StatementOf({ advertiser, range: { from, to } }: { advertiser: string; range: Range }) {
  const address = useAddress()
  const { get, set } = address
  const path = `/api/v1/billing/advertisers/${encodeURIComponent(advertiser)}?from=${from}&to=${to}`
  const { data, error, reload } = useAsk<Statement>(path, { everyMs: EVERY_MS })
  return (
    <>
      <nav aria-label="Where this is" className="flex min-w-0 flex-wrap items-center gap-1.5">
        <Link
          href={linkTo('/billing', { range: get('range'), from: get('from'), to: get('to') })}
          className="text-accent underline underline-offset-2"
        >
          All advertisers
        </Link>
        <span aria-hidden className="text-muted">
          /
        </span>
        <h2 className="min-w-0 font-semibold break-all">{advertiser}</h2>
        <span className="num text-muted">
          {from} to {to}
        </span>
      </nav>
      {error && (
        <Failure
          error={error.status === 404 ? new Error(`No ad belongs to ${advertiser}: there is no statement.`) : error}
          onRetry={reload}
        />
      )}
      {!data && !error && <Loading what="the statement" />}
      {data && (
        <>
          <Figures
            asOf={data.as_of}
            of={[
              ['Total', exactMoney(data.total)],
              ['Charges', exactMoney(sumOfMoney([data.total, -data.credits]))],
              ['Credits', exactMoney(data.credits)],
            ]}
          />
          <Panel title="Ads">
            <Table
              label="Ads"
              columns={adColumns(data.ads, (ad) => set({ ad: ad === get('ad') ? null : ad, page: null }))}
              rows={data.ads}
              keyOf={({ ad_id: ad }) => ad}
              isChosen={({ ad_id: ad }) => ad === get('ad')}
            />
          </Panel>
          <Lines statement={data} address={address} actions={<CsvButton path={path} of="the statement" />} />
        </>
      )}
    </>
  )
}

function adColumns(ads: readonly StatementAd[], onChoose: (ad: string) => void): Column<StatementAd>[] {
  const showTotal = exactMoneyOf(ads.map(({ total }) => total))
  return [
    {
      name: 'ad',
      show: ({ ad_id: ad, campaign_id: campaign, item_id: item }) => (
        <div className="min-w-36">
          <button
            type="button"
            className="text-left break-all text-accent underline underline-offset-2"
            title="Only its lines, or all again"
            onClick={() => onChoose(ad)}
          >
            {ad}
          </button>
          <span className="block text-xs text-muted">
            dish {item}, {campaign}
          </span>
        </div>
      ),
    },
    {
      name: 'pays',
      isNumber: true,
      isMinor: true,
      show: ({ pricing, rate }) => (
        <>
          {exactMoney(rate)}
          <span className="block text-xs text-muted">{PER[pricing]}</span>
        </>
      ),
    },
    { name: 'spent of its daily budget', isMinor: true, show: (ad) => <Budget of={ad} /> },
    {
      name: 'days over it',
      isNumber: true,
      isMinor: true,
      show: ({ days_over: days, daily_budget: budget }) =>
        budget === null ? <span className="text-muted">–</span> : days > 0 ? <Badge tone="warn">{count(days)}</Badge> : 0,
    },
    { name: 'total', isNumber: true, show: ({ total }) => showTotal(total) },
  ]
}

/** Of the last day that has charges; a budget trims nothing. */
function Budget({ of: { daily_budget: budget, last_day: last } }: { of: StatementAd }) {
  if (budget === null) return <span className="text-muted">no budget</span>
  const isOver = last !== null && last.spent > budget
  return (
    <div className="flex min-w-44 flex-col gap-1">
      <span className="num whitespace-nowrap">
        <span className={isOver ? 'font-medium text-warn' : ''}>{exactMoney(last?.spent ?? 0)}</span> of {exactMoney(budget)}
        {last && <span className="text-xs text-muted"> on {last.date}</span>}
      </span>
      <Bar part={last?.spent ?? 0} whole={budget} isOver={isOver} />
    </div>
  )
}
