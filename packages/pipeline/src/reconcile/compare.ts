import { dayOf, HOUR_MS } from '@flowguard/contract'
import { rendered } from '../etl/dialect.ts'
import type { Session } from '../warehouse/warehouse.ts'
import { batchSql, eventsSql, otherDaysSql, type Span } from './batch-sql.ts'
import type { Difference, Hour } from './book.ts'
import { causeOfAttribution, causeOfCharge, type Named } from './causes.ts'
import { attributionsSql, chargesSql, hoursSql, streamSql, type AttributionFound, type ChargeFound } from './compare-sql.ts'
import { settle, type Amounts } from './settle.ts'

export interface Compared {
  hours: readonly Hour[]
  differences: readonly Difference[]
}

interface Rules {
  /** A billing period is closed so many days after its end. */
  closeDays: number
  now: number
  /** Adds the ledger's rows of orders of another day, and what was settled there. */
  fillOther: (day: string) => Promise<void>
}

const hourOf = (ms: number) => Math.floor(ms / HOUR_MS) * HOUR_MS

/** Works a span out in the warehouse, and holds it against the stream's answers and the ledger: on the inputs that the session has. */
export async function compareSpan(session: Session, span: Span, { fillOther, ...rules }: Rules): Promise<Compared> {
  const run = (sql: string) => session.run(rendered(sql, session.dialect))
  const rows = <T>(sql: string) => session.rows<T>(rendered(sql, session.dialect))
  for (const sql of eventsSql(span)) await run(sql)
  const others = await rows<{ day: string }>(otherDaysSql(span))
  for (const { day } of others) await fillOther(day)
  for (const sql of [...batchSql(span), streamSql(span)]) await run(sql)
  const attributions = await rows<AttributionFound>(attributionsSql())
  const named = new Map(attributions.map((each): [string, Named] => [each.event_id, causeOfAttribution(each)]))
  const charges = await rows<ChargeFound>(chargesSql(span))
  const settled = settle(charges, rules)
  const byOrder = new Map(attributions.map(({ order_id: id, event_id: event }) => [id, named.get(event)]))
  return {
    hours: await rows<Hour>(hoursSql(span)),
    differences: [
      ...attributions.map((each) => differenceOfAttribution(each, named.get(each.event_id) as Named)),
      ...charges.map((each) =>
        differenceOfCharge(
          each,
          causeOfCharge(
            each,
            each.kind === 'cpa' ? named.get(each.event_id) : each.kind === 'credit' ? byOrder.get(each.order_id) : undefined,
          ),
          settled.get(each) as Amounts,
        ),
      ),
    ],
  }
}

function differenceOfAttribution(each: AttributionFound, { cause, detail }: Named): Difference {
  return {
    hour: hourOf(each.time_ms),
    kind: 'attribution',
    cause,
    detail,
    eventId: each.event_id,
    adId: null,
    day: dayOf(each.time_ms),
    orderId: each.order_id,
    userId: each.user_id,
    stream: { count: each.stream_count, amount: 0, click: each.stream_click, ad: each.stream_ad },
    batch: { count: each.batch_count, amount: 0, click: each.batch_click, ad: each.batch_ad },
    amount: 0,
    waived: 0,
  }
}

function differenceOfCharge(each: ChargeFound, { cause, detail }: Named, { amount, waived, note }: Amounts): Difference {
  return {
    hour: hourOf(each.time_ms ?? Date.parse(each.day)),
    kind: each.kind,
    cause,
    detail: note === undefined ? detail : `${detail}; ${note}`,
    eventId: each.event_id,
    adId: each.ad_id,
    day: each.day,
    orderId: each.order_id,
    userId: each.user_id,
    stream: {
      count: each.stream_count,
      amount: each.stream_amount + each.settled_amount - each.settled_waived,
      click: null,
      ad: each.ad_id,
    },
    batch: { count: each.batch_count, amount: each.batch_amount, click: null, ad: each.ad_id },
    amount,
    waived,
  }
}
