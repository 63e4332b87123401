import { Link } from 'wouter'
import type { StatementEvents, StatementLine } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { exactMoneyOf } from '../../model/format.ts'
import { linkTo, useAddress } from '../../state/address.ts'
import { Empty, Failure, Loading } from '../../ui/basics.tsx'
import { CsvButton } from '../../ui/csv-button.tsx'
import { Aside } from '../../ui/dialog.tsx'
import { Pager } from '../../ui/pick.tsx'
import { counted } from './kinds.ts'

const PAGE_COUNT = 100

/** How an address names a line. The ad comes last, for its id may hold anything. */
export const lineName = ({ date, kind, ad_id: ad }: Pick<StatementLine, 'date' | 'kind' | 'ad_id'>) => `${date}:${kind}:${ad}`

/** The event ids behind a line, in the order of the ledger. */
export function EventsAside({ line, onClose }: { line: string; onClose: () => void }) {
  const { get, set } = useAddress()
  const [date = '', kind = '', ...rest] = line.split(':')
  const ad = rest.join(':')
  const path = `/api/v1/billing/ads/${encodeURIComponent(ad)}/events?${new URLSearchParams({ date, kind })}`
  const after = get('after')
  const { data, error, reload } = useAsk<StatementEvents>(`${path}&limit=${PAGE_COUNT}${after === '' ? '' : `&after=${after}`}`)
  const showAmount = exactMoneyOf(data?.events.map(({ amount }) => amount) ?? [])
  return (
    <Aside title={`${ad}, ${date}, ${kind}`} onClose={onClose}>
      {error ? (
        <Failure error={error} onRetry={reload} />
      ) : !data ? (
        <Loading what="the events" rows={12} />
      ) : data.total === 0 ? (
        <Empty title="No event is behind this line" />
      ) : (
        <>
          <div className="flex items-center justify-between gap-2 border-b border-line px-3 py-2">
            <span className="num text-muted">
              {counted(data.total, data.kind)}, in the order in which they were {kind === 'credit' ? 'credited' : 'charged'}
            </span>
            <CsvButton path={path} of="the events" />
          </div>
          <ul aria-label="Events">
            {data.events.map(({ event_id: id, amount }, at) => (
              <li key={`${id} ${at}`} className="flex items-baseline justify-between gap-3 border-b border-line px-3 py-1">
                <Link
                  href={linkTo('/trace', { id })}
                  className="min-w-0 font-mono text-xs break-all text-accent underline underline-offset-2"
                >
                  {id}
                </Link>
                <span className="num whitespace-nowrap">{showAmount(amount)}</span>
              </li>
            ))}
          </ul>
          {(after !== '' || data.next_after !== null) && (
            <div className="flex gap-2 px-3 py-2">
              <Pager
                first={after !== '' && { name: 'To the first', onChoose: () => set({ after: null }) }}
                next={data.next_after !== null && { name: 'More', onChoose: () => set({ after: data.next_after }) }}
              />
            </div>
          )}
        </>
      )}
    </Aside>
  )
}
