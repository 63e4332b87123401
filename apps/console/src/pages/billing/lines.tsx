import type { ReactNode } from 'react'
import type { Statement, StatementLine } from 'flowguard/answers'
import { count, exactMoney, exactMoneyOf, sumOfMoney } from '../../model/format.ts'
import type { useAddress } from '../../state/address.ts'
import { Badge, Empty, Panel } from '../../ui/basics.tsx'
import { Pager, Select } from '../../ui/pick.tsx'
import { Table, type Column } from '../../ui/table.tsx'
import { lineName } from './events.tsx'
import { counted, KINDS } from './kinds.ts'

const PAGE_COUNT = 100

interface Props {
  statement: Statement
  address: ReturnType<typeof useAddress>
  actions: ReactNode
}

/** Every line of a statement, the newest day first. */
export function Lines({ statement: { lines, lines_total: total, ads }, address: { get, set }, actions }: Props) {
  const [ad, kind, open] = [get('ad'), get('kind'), get('line')]
  const fitting = lines
    .filter((line) => (ad === '' || line.ad_id === ad) && (kind === '' || line.kind === kind))
    .toSorted((a, b) => (a.date === b.date ? 0 : a.date < b.date ? 1 : -1))
  const last = Math.max(0, Math.ceil(fitting.length / PAGE_COUNT) - 1)
  const page = Math.min(Math.max(0, Number(get('page')) || 0), last)
  const shown = fitting.slice(page * PAGE_COUNT, (page + 1) * PAGE_COUNT)
  const showAmount = exactMoneyOf(shown.map(({ amount }) => amount))
  const columns: Column<StatementLine>[] = [
    { name: 'day', show: ({ date }) => <span className="num whitespace-nowrap">{date}</span> },
    { name: 'ad', isName: true, show: ({ ad_id: id }) => <span className="block min-w-24 break-all">{id}</span> },
    { name: 'kind', show: (line) => <Badge tone={line.kind === 'credit' ? 'good' : 'plain'}>{line.kind}</Badge> },
    {
      name: 'events',
      isNumber: true,
      show: (line) => (
        <button
          type="button"
          className="text-accent underline underline-offset-2"
          onClick={() => set({ line: lineName(line), after: null })}
        >
          {counted(line.count, line.kind)}
        </button>
      ),
    },
    {
      name: 'amount',
      isNumber: true,
      show: (line) => <span className={line.kind === 'credit' ? 'text-good' : ''}>{showAmount(line.amount)}</span>,
    },
  ]
  return (
    <Panel
      title="Lines"
      actions={
        <div className="flex flex-wrap items-center gap-2">
          <Select
            label="Ad"
            value={ad}
            all="all ads"
            options={ads.map(({ ad_id: id }) => id)}
            onChoose={(next) => set({ ad: next, page: null })}
          />
          <Select label="Kind" value={kind} all="all kinds" options={KINDS} onChoose={(next) => set({ kind: next, page: null })} />
          {actions}
        </div>
      }
    >
      {fitting.length === 0 ? (
        <Empty
          title={
            lines.length === 0
              ? 'Nothing was charged in these days'
              : total > lines.length
                ? 'No line of the first fits; the CSV has all'
                : 'No line fits'
          }
        />
      ) : (
        <>
          <Table label="Lines" columns={columns} rows={shown} keyOf={lineName} isChosen={(line) => lineName(line) === open} />
          <div className="num flex flex-wrap items-center gap-3 border-t border-line px-3 py-2 text-muted">
            <span>
              {count(fitting.length)} {fitting.length === 1 ? 'line' : 'lines'},{' '}
              {exactMoney(sumOfMoney(fitting.map(({ amount }) => amount)))}
            </span>
            {total > lines.length && (
              <span>
                of the first {count(lines.length)} of {count(total)}, by ad; the CSV has all
              </span>
            )}
            <Pager
              first={page > 0 && { name: 'Newer', onChoose: () => set({ page: page - 1 || null }) }}
              next={page < last && { name: 'Older', onChoose: () => set({ page: page + 1 }) }}
            />
          </div>
        </>
      )}
    </Panel>
  )
}
