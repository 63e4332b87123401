import type { DatabaseSync } from 'node:sqlite'
import {
  ATTRIBUTED,
  CLICKS,
  DEAD,
  dayOf,
  isChargeable,
  GENERAL,
  milliToRupees,
  ORDERS,
  type AttributedEvent,
  type ChargeKind,
  type DeadLetter,
} from '@flowguard/contract'
import { partitionsOf } from '../erasure/erased-place.ts'
import type { LogRecord, Position } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import { answeredTo, watermarkOf } from './groups.ts'
import { checkedOf } from '../reader/checked.ts'
import type { Standing } from '../reader/places.ts'
import { reconcileView } from '../reconcile/view.ts'
import { pendingIn } from '../stream/pending.ts'
import type { Looked } from './stores.ts'
import { iso } from './topics.ts'
import { laneOutcome } from './trace-lane.ts'
import { line, type Line, type Mention } from './trace-line.ts'

type Event = Readonly<Record<string, unknown>>

/** A record of the log with the event in it. */
export interface Found {
  record: LogRecord
  event: Readonly<Record<string, unknown>>
  /** The same user's event of this id lies before it in the topic. */
  isRepeat: boolean
  /** That one has another content. */
  isConflict: boolean
}

export interface Sources {
  at: Looked
  standings: readonly Standing[]
}

/** What came of an event, or why nothing did: a line each. */
export async function outcomeOf(sources: Sources, found: readonly Found[], event: Event | null): Promise<Line[]> {
  const { pipeline } = sources.at
  if (found.length === 0 || !event) return [line('coming', 'not in the log yet: no reader has seen it')]
  if (!pipeline) return [line('coming', 'the pipeline has not run yet')]
  const lines: Line[] = []
  for (const each of found) if (!each.isRepeat) lines.push(...(await outcomeOfOne(sources, pipeline.log, each, found)))
  return [...lines, ...correctionsOf(pipeline.db, String(event['event_id']))]
}

/** What reconciliation found different about it. */
function correctionsOf(db: DatabaseSync, eventId: string): Line[] {
  return reconcileView(db)
    .differences({ eventId, limit: CORRECTIONS_MAX })
    .differences.map(({ kind, cause, detail, amount, waived, ad_id: ad, batch, applied }) => {
      const found = `reconciliation: ${cause}, ${detail}`
      if (kind === 'attribution')
        return line(
          'plain',
          `${found}; ${batch.click_event_id === null ? 'it is due to no click' : `it is due to click ${batch.click_event_id} on ad ${batch.ad_id}`}`,
        )
      if (amount === 0) return line('plain', waived < 0 ? found : `${found}; ₹${waived} is waived`)
      const what = amount < 0 ? `credited ₹${-amount} to ad ${ad}` : `charged ₹${amount} to ad ${ad}`
      return applied ? line('done', `${found}; ${what}`) : line('coming', `${found}; to be ${what}`)
    })
}

const CORRECTIONS_MAX = 20

async function outcomeOfOne(sources: Sources, derived: LogView, one: Found, found: readonly Found[]): Promise<Line[]> {
  const { record, event } = one
  const dead: Line[] = []
  for (const each of found) if (each === one || each.isRepeat) dead.push(...(await lettersOf(derived, each)))
  if (checkedOf(record).kind === 'invalid') return dead
  const late = lateBy(sources, record)
  if (late !== undefined)
    return [line('amiss', (say) => `late by ${say(late)}: counted as late and kept, for reconciliation to settle`), ...dead]
  if (record.topic === ORDERS && event['order_type'] === 'placed') return [...(await orderOutcome(sources, derived, event)), ...dead]
  if (record.topic === ORDERS) return [...creditOutcome(sources, event), ...dead]
  if (record.topic === CLICKS) return [...(await clickOutcome(sources, derived, one)), ...dead]
  if (record.topic === GENERAL) return [...(await laneOutcome(sources.at.lane, sources.standings, record, event)), ...dead]
  return dead
}

async function orderOutcome({ at: looked, standings }: Sources, derived: LogView, event: Event): Promise<Line[]> {
  const {
    event_id: id,
    user_id: user,
    order_id: orderId,
    ts,
  } = event as { event_id: string; user_id: string; order_id: string; ts: number }
  const found = (await answersTo(derived, user, id)).find(({ answer }) => answer.event_id === id)
  if (!found) {
    const watermark = looked.pipeline ? answeredTo(looked.topics, standings, looked.pipeline.db) : null
    const isPending = looked.pipeline && pendingIn(looked.pipeline.db).some((each) => each.id === id)
    return [
      isPending ? line('coming', (say) => `pending: ${waitsFor(ts, watermark, say)}`) : line('coming', 'not answered by the stream yet'),
    ]
  }
  const { answer, record, at } = found
  if (answer.is_bot) return [line('plain', "a bot's order: it is due to no click, and counts in no metric", { at, record })]
  if (!answer.click)
    return [line('plain', 'attributed to no click: there was none by its user on its item in the 30 minutes before it', { at, record })]
  const { event_id: clickId, ad_id: adId } = answer.click
  const lagMs = answer.lag_ms ?? 0
  return [
    line('done', (say) => `attributed to click ${clickId} on ad ${adId}, ${say(lagMs)} before it`, {
      at,
      record,
      mentions: [mention(clickId)],
    }),
    ...(await chargesOf(looked, { adId, eventId: id, ts, kind: 'cpa' })),
    ...creditOf(looked, orderId),
  ]
}

const mention = (id: string, of: Mention['of'] = 'event'): Mention => ({ id, of })

function creditOutcome({ at }: Sources, event: Event): Line[] {
  const orderId = String(event['order_id'])
  const lines = [line('plain', `status ${String(event['order_type'])} of order ${orderId}`, { mentions: [mention(orderId, 'order')] })]
  return event['order_type'] === 'cancelled' ? [...lines, ...creditOf(at, orderId)] : lines
}

function creditOf({ pipeline }: Looked, orderId: string): Line[] {
  const row = pipeline?.db
    .prepare(
      `select o.amount, o.credited_by as creditedBy, c.event_id as cancelledBy from cancellations c left join order_charges o using (order_id)
       where c.order_id = ?`,
    )
    .get(orderId) as { amount: number | null; creditedBy: string | null; cancelledBy: string } | undefined
  if (!row) return []
  const { amount, creditedBy, cancelledBy } = row
  const mentions = [mention(creditedBy ?? cancelledBy)]
  if (amount === null) return [line('plain', `cancelled by ${cancelledBy}: nothing had been charged for it`, { mentions })]
  return [
    creditedBy === null
      ? line('coming', `cancelled by ${cancelledBy}, not credited yet`, { mentions })
      : line('done', `credited ${rupees(amount)} by ${creditedBy}`, { mentions }),
  ]
}

async function clickOutcome({ at, standings }: Sources, derived: LogView, { event }: Found): Promise<Line[]> {
  const {
    event_id: id,
    user_id: user,
    ad_id: adId,
    ts,
    event_type: type,
  } = event as Record<string, string> & { event_id: string; user_id: string; ad_id: string; ts: number }
  if (event['is_bot']) return [line('plain', "a bot's: it counts in no metric, earns no order and is not charged")]
  const isClick = type === 'click'
  const lines = isClick ? await earned(derived, user, id) : [line('plain', 'an impression earns no order')]
  if (isClick && event['item_id'] === undefined) lines.push(line('plain', 'it names no item: it can earn no order'))
  return [
    ...lines,
    ...(await chargesOf(at, {
      adId,
      eventId: id,
      ts,
      kind: isClick ? 'cpc' : 'cpm',
      watermark: watermarkOf(at.topics, standings, 'billing'),
      isHover: !isClick && !isChargeable(event),
    })),
  ]
}

async function earned(derived: LogView, user: string, clickId: string): Promise<Line[]> {
  const ids = (await answersTo(derived, user, clickId)).flatMap(({ answer }) =>
    answer.click?.event_id === clickId ? [answer.order_id] : [],
  )
  return ids.length === 0
    ? [line('plain', 'it has earned no order so far')]
    : [line('done', `it earned ${ids.map((id) => `order ${id}`).join(', ')}`, { mentions: ids.map((id) => mention(id, 'order')) })]
}

interface Charge {
  adId: string
  eventId: string
  ts: number
  kind: ChargeKind
  /** Of the reader that charges; only where it decides. */
  watermark?: number | null
  isHover?: boolean
}

const PAID_BY: Record<string, string> = { cpm: 'the impression', cpc: 'the click', cpa: 'the order' }

/** What was charged for it, or why nothing was. */
async function chargesOf({ pipeline, edge }: Looked, { adId, eventId, ts, kind, watermark, isHover }: Charge): Promise<Line[]> {
  const rows = (pipeline?.db
    .prepare('select amount, day from ledger where ad_id = ? and day = ? and kind = ? and event_id = ?')
    .all(adId, dayOf(ts), kind, eventId) ?? []) as { amount: number; day: string }[]
  if (rows.length > 0) return rows.map(({ amount, day }) => line('done', `charged ${rupees(amount)} to ad ${adId} on ${day} (${kind})`))
  const ad = await edge?.ad(adId)
  if (!ad) return [line('amiss', `not charged: there is no ad ${adId}`)]
  if (ad.pricing !== kind) return [line('plain', `not charged: ad ${adId} is paid by ${PAID_BY[ad.pricing] ?? ad.pricing}`)]
  if (isHover) return [line('plain', 'not charged: a hover is counted as an impression, and never charged')]
  if (kind === 'cpc' && (watermark === undefined || watermark === null || ts >= watermark))
    return [line('coming', (say) => `not charged yet: ${waitsFor(ts, watermark ?? null, say)}`)]
  return [
    kind === 'cpc'
      ? line('plain', 'not charged: a double click, too soon after another of its user on the ad; or the ad was set up later')
      : line('coming', 'not charged yet'),
  ]
}

/** Answers where the user's lie that name this id, as the order's or the click's. */
async function answersTo(derived: LogView, user: string, id: string): Promise<Answer[]> {
  const found: LogRecord[] = []
  for (const each of partitionsOf(user, derived.partitions(ATTRIBUTED)))
    found.push(...(await Array.fromAsync(derived.find(ATTRIBUTED, each, textOf(id), { from: 0 }))))
  return found.map(({ value, topic, partition, offset, appendedAt }) => ({
    answer: JSON.parse(value) as AttributedEvent,
    record: { topic, partition, offset },
    at: iso(appendedAt),
  }))
}

interface Answer {
  answer: AttributedEvent
  record: Position
  at: string | null
}

async function lettersOf(derived: LogView, { record: { topic, partition, offset } }: Found): Promise<Line[]> {
  const place = `/${topic}-${partition}-${offset}"`
  const found: LogRecord[] = []
  for (let each = 0; each < derived.partitions(DEAD); each += 1)
    found.push(...(await Array.fromAsync(derived.find(DEAD, each, place, { from: 0 }))))
  return found
    .map(({ value }) => JSON.parse(value) as DeadLetter)
    .filter((letter) => letter.topic === topic && letter.partition === partition && letter.offset === offset)
    .map(({ dead_id: id, reason, detail, died_at: at }) =>
      line('amiss', `dead letter ${id}: ${reason}, ${detail}`, { at, mentions: [mention(id, 'dead_letter')] }),
    )
}

function lateBy({ at }: Sources, { topic, partition, offset }: Found['record']): number | undefined {
  const row = at.pipeline?.db
    .prepare('select behind_ms as behind from late_events where topic = ? and partition = ? and position = ?')
    .get(topic, partition, offset) as { behind: number } | undefined
  return row?.behind
}

/** An event's id as it stands in its JSON. */
export function textOf(eventId: string): string {
  return `"event_id":${JSON.stringify(eventId)}`
}

function waitsFor(ts: number, watermark: number | null, say: (ms: number) => string): string {
  if (watermark === null) return 'time has not begun in every partition'
  return `its time is ${iso(ts)}, and the watermark is at ${iso(watermark)}, ${say(ts - watermark + 1)} short of passing it`
}

function rupees(milliPaise: number): string {
  return `₹${milliToRupees(milliPaise)}`
}
