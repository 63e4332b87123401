import type { Journey } from 'flowguard/answers'
import { Link } from 'wouter'
import { duration, money } from '../../model/format.ts'
import { linkTo } from '../../state/address.ts'
import { Empty, Panel, Time } from '../../ui/basics.tsx'

/** The orders that a click led to, and the way to each one's trace. */
export function Orders({ user, orders }: { user: string; orders: Journey['attributed_orders'] }) {
  return (
    <Panel title="Orders that an ad led to">
      {orders.length === 0 ? (
        <Empty title="None here">No click of {user} led to an order in these sessions.</Empty>
      ) : (
        <ul>
          {orders.map(({ event_id: id, timestamp, item_id: item, price, quantity, click, lag_ms: lag }) => (
            <li key={id} className="border-b border-line last:border-0">
              <Link href={linkTo('/trace', { id })} className="flex flex-wrap items-baseline gap-x-3 px-3 py-1.5 hover:bg-raised">
                <Time iso={timestamp} />
                <span>dish {item}</span>
                <span className="num ml-auto">{money(price * quantity)}</span>
                <span className="w-full text-xs text-muted">
                  {click && `ad ${click.ad_id}${click.campaign_id === null ? '' : ` of ${click.campaign_id}`}`}
                  {lag !== null && `, clicked ${duration(lag)} before`}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
