import {
  ATTRIBUTED,
  CLICKS,
  DEAD,
  dayOf,
  isChargeable,
  GENERAL,
  milliToRupees,
  ORDERS,
  parseLogged,
  type AttributedEvent,
  type ChargeKind,
  type DeadLetter,
} from '@flowguard/contract'
import { partitionOf } from '../kernel/partition.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { LogView } from '../log/log-view.ts'
import { watermarkOf } from './groups.ts'
import type { Standing } from '../reader/places.ts'
import { pendingIn } from '../stream/pending.ts'
import type { Stores } from './stores.ts'
import { iso } from './topics.ts'
import { laneOutcome } from './trace-lane.ts'

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
  stores: Stores
  standings: readonly Standing[]
}

/** What came of an event, or why nothing did: a line each. */
export function outcomeOf(sources: Sources, found: readonly Found[], event: Event | null): string[] {
  const { stores } = sources
  const { pipeline } = stores
  if (found.length === 0 || !event) return ['not in the log yet: no reader has seen it']
  if (!pipeline) return ['the pipeline has not run yet']
  return found.filter(({ isRepeat }) => !isRepeat).flatMap((each) => outcomeOfOne(sources, pipeline.log, each, found))
}

function outcomeOfOne(sources: Sources, derived: LogView, one: Found, found: readonly Found[]): string[] {
  const { record, event } = one
  const { stores } = sources
  const dead = found.filter((each) => each === one || each.isRepeat).flatMap((each) => lettersOf(derived, each))
  if ('invalid' in parseLogged(record.value)) return dead
  const late = lateBy(sources, record)
  if (late !== undefined) return [`late by ${late} ms: counted as late and kept, for reconciliation to settle`, ...dead]
  if (record.topic === ORDERS && event['order_type'] === 'placed') return [...orderOutcome(sources, derived, event), ...dead]
  if (record.topic === ORDERS) return [...creditOutcome(sources, event), ...dead]
  if (record.topic === CLICKS) return [...clickOutcome(sources, derived, one), ...dead]
  if (record.topic === GENERAL) return [...laneOutcome(stores, sources.standings, record, event), ...dead]
  return dead
}

function orderOutcome({ stores, standings }: Sources, derived: LogView, event: Event): string[] {
  const {
    event_id: id,
    user_id: user,
    order_id: orderId,
    ts,
  } = event as { event_id: string; user_id: string; order_id: string; ts: number }
  const answer = answersTo(derived, user, id).find((each) => each.event_id === id)
  if (!answer) {
    const watermark = watermarkOf(stores, standings)
    const isPending = stores.pipeline && pendingIn(stores.pipeline.db).some((each) => each.id === id)
    return isPending ? [`pending: ${waitsFor(ts, watermark)}`] : ['not answered by the stream yet']
  }
  if (answer.is_bot) return ["a bot's order: it is due to no click, and counts in no metric"]
  if (!answer.click) return ['attributed to no click: there was none by its user on its item in the 30 minutes before it']
  const { event_id: clickId, ad_id: adId } = answer.click
  return [
    `attributed to click ${clickId} on ad ${adId}, ${answer.lag_ms} ms before it`,
    ...chargesOf(stores, { adId, eventId: id, ts, kind: 'cpa' }),
    ...creditOf(stores, orderId),
  ]
}

function creditOutcome({ stores }: Sources, event: Event): string[] {
  const lines = [`status ${String(event['order_type'])} of order ${String(event['order_id'])}`]
  return event['order_type'] === 'cancelled' ? [...lines, ...creditOf(stores, String(event['order_id']))] : lines
}

function creditOf({ pipeline }: Stores, orderId: string): string[] {
  const row = pipeline?.db
    .prepare(
      `select o.amount, o.credited_by as creditedBy, c.event_id as cancelledBy from cancellations c left join order_charges o using (order_id)
       where c.order_id = ?`,
    )
    .get(orderId) as { amount: number | null; creditedBy: string | null; cancelledBy: string } | undefined
  if (!row) return []
  if (row.amount === null) return [`cancelled by ${row.cancelledBy}: nothing had been charged for it`]
  return [
    row.creditedBy === null ? `cancelled by ${row.cancelledBy}, not credited yet` : `credited ${rupees(row.amount)} by ${row.creditedBy}`,
  ]
}

function clickOutcome(sources: Sources, derived: LogView, { event }: Found): string[] {
  const { stores, standings } = sources
  const {
    event_id: id,
    user_id: user,
    ad_id: adId,
    ts,
    event_type: type,
  } = event as Record<string, string> & { event_id: string; user_id: string; ad_id: string; ts: number }
  if (event['is_bot']) return ["a bot's: it counts in no metric, earns no order and is not charged"]
  const isClick = type === 'click'
  const lines = isClick ? earned(derived, user, id) : ['an impression earns no order']
  if (isClick && event['item_id'] === undefined) lines.push('it names no item: it can earn no order')
  return [
    ...lines,
    ...chargesOf(stores, {
      adId,
      eventId: id,
      ts,
      kind: isClick ? 'cpc' : 'cpm',
      watermark: watermarkOf(stores, standings, 'billing'),
      isHover: !isClick && !isChargeable(event),
    }),
  ]
}

function earned(derived: LogView, user: string, clickId: string): string[] {
  const orders = answersTo(derived, user, clickId).filter(({ click }) => click?.event_id === clickId)
  return orders.length === 0
    ? ['it has earned no order so far']
    : [`it earned ${orders.map(({ order_id: orderId }) => `order ${orderId}`).join(', ')}`]
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
function chargesOf({ pipeline, edge }: Stores, { adId, eventId, ts, kind, watermark, isHover }: Charge): string[] {
  const rows = (pipeline?.db
    .prepare('select amount, day from ledger where ad_id = ? and day = ? and kind = ? and event_id = ?')
    .all(adId, dayOf(ts), kind, eventId) ?? []) as { amount: number; day: string }[]
  if (rows.length > 0) return rows.map(({ amount, day }) => `charged ${rupees(amount)} to ad ${adId} on ${day} (${kind})`)
  const ad = edge?.prepare('select pricing from ads where ad_id = ?').get(adId) as { pricing: string } | undefined
  if (!ad) return [`not charged: there is no ad ${adId}`]
  if (ad.pricing !== kind) return [`not charged: ad ${adId} is paid by ${PAID_BY[ad.pricing] ?? ad.pricing}`]
  if (isHover) return ['not charged: a hover is counted as an impression, and never charged']
  if (kind === 'cpc' && (watermark === undefined || watermark === null || ts >= watermark))
    return [`not charged yet: ${waitsFor(ts, watermark ?? null)}`]
  return [
    kind === 'cpc'
      ? 'not charged: a double click, too soon after another of its user on the ad; or the ad was set up later'
      : 'not charged yet',
  ]
}

/** Answers in the user's partition that name this id, as the order's or the click's. */
function answersTo(derived: LogView, user: string, id: string): AttributedEvent[] {
  const partition = partitionOf(user, derived.partitions(ATTRIBUTED))
  return [...derived.find(ATTRIBUTED, partition, textOf(id), { from: 0 })].map(({ value }) => JSON.parse(value) as AttributedEvent)
}

function lettersOf(derived: LogView, { record: { topic, partition, offset } }: Found): string[] {
  const place = `/${topic}-${partition}-${offset}"`
  return Array.from({ length: derived.partitions(DEAD) }, (_, each) => [...derived.find(DEAD, each, place, { from: 0 })])
    .flat()
    .map(({ value }) => JSON.parse(value) as DeadLetter)
    .filter((letter) => letter.topic === topic && letter.partition === partition && letter.offset === offset)
    .map(({ dead_id: id, reason, detail }) => `dead letter ${id}: ${reason}, ${detail}`)
}

function lateBy({ stores }: Sources, { topic, partition, offset }: Found['record']): number | undefined {
  const row = stores.pipeline?.db
    .prepare('select behind_ms as behind from late_events where topic = ? and partition = ? and position = ?')
    .get(topic, partition, offset) as { behind: number } | undefined
  return row?.behind
}

/** An event's id as it stands in its JSON. */
export function textOf(eventId: string): string {
  return `"event_id":${JSON.stringify(eventId)}`
}

function waitsFor(ts: number, watermark: number | null): string {
  if (watermark === null) return 'time has not begun in every partition'
  return `its time is ${iso(ts)}, and the watermark is at ${iso(watermark)}, ${ts - watermark + 1} ms short of passing it`
}

function rupees(milliPaise: number): string {
  return `₹${milliToRupees(milliPaise)}`
}
