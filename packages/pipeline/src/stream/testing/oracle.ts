import {
  LATENESS_MS,
  MINUTE_MS,
  SESSION_GAP_MS,
  WINDOW_MS,
  type AdWindow,
  type AttributedEvent,
  type Session,
  type Topic,
} from '@flowguard/contract'

/** What the stream makes of the raw topics. */
export interface StreamRows {
  attributed: AttributedEvent[]
  windows: AdWindow[]
  sessions: Session[]
}

/** A record of a raw topic; those of a partition in the order of the log. */
export interface RawRecord {
  topic: Topic
  partition: number
  value: string
}

interface Raw {
  event_type: string
  event_id: string
  order_id: string
  order_type?: string
  user_id: string
  item_id?: number
  ad_id: string
  ad_campaign_id?: string | number
  ts: number
  is_bot: boolean
  price: number
  quantity: number
}

/** The contract's rules word for word, over everything at once: what is clever is held to it. Of valid records, `partitions` to a topic. */
export function oracle(
  records: readonly RawRecord[],
  partitions: Readonly<Partial<Record<Topic, number>>>,
  doubleClickMs = 2_000,
): StreamRows {
  const { events, watermark } = counted(records, partitions)
  const people = events.filter((each) => !each.is_bot)
  const clicks = people.filter((each) => each.event_type === 'click')
  const ofUserAndItem = Map.groupBy(clicks, pairOf)
  const attributed = events
    .filter((each) => each.order_type === 'placed' && each.ts < watermark)
    .map((order) => answered(order, order.is_bot ? [] : (ofUserAndItem.get(pairOf(order)) ?? [])))
  const clickOf = new Map(attributed.map((each) => [each.event_id, each.click]))
  const visits = people.filter((each) => each.ts < watermark && (each.event_type !== 'order' || each.order_type === 'placed'))
  return {
    attributed,
    windows: windowsOf(visits, clicks, clickOf, doubleClickMs).filter((each) => Date.parse(each.window_end) <= watermark),
    sessions: sessionsOf(visits, clickOf).filter((each) => Date.parse(each.ended_at) + SESSION_GAP_MS < watermark),
  }
}

/** Events that are neither repeats nor late, and how far time has come. */
function counted(records: readonly RawRecord[], partitions: Readonly<Partial<Record<Topic, number>>>) {
  const times = new Map<string, number>()
  for (const [topic, count] of Object.entries(partitions)) for (let n = 0; n < count; n += 1) times.set(`${topic}-${n}`, -Infinity)
  const seen = new Set<string>()
  const events: Raw[] = []
  for (const { topic, partition, value } of records) {
    let event: Raw
    try {
      event = JSON.parse(value) as Raw
    } catch {
      continue
    }
    const time = times.get(`${topic}-${partition}`) ?? -Infinity
    times.set(`${topic}-${partition}`, Math.max(time, event.ts))
    const id = event.event_type === 'order' ? event.event_id : `${event.user_id}\n${event.event_id}`
    if (event.event_type === 'heartbeat' || seen.has(id)) continue
    seen.add(id)
    if (time - event.ts <= LATENESS_MS) events.push(event)
  }
  return { events, watermark: Math.min(...times.values()) - LATENESS_MS }
}

const pairOf = ({ user_id, item_id }: Raw) => JSON.stringify([user_id, item_id])

/** `clicks` are of the order's user and item. */
function answered(order: Raw, clicks: readonly Raw[]): AttributedEvent {
  const { order_id, event_id, user_id, price, quantity, ts, is_bot } = order
  const timestamp = new Date(ts).toISOString()
  const base = {
    order_id,
    event_id,
    user_id,
    item_id: order.item_id as number,
    price,
    quantity,
    timestamp,
    ...(is_bot ? { is_bot: true as const } : {}),
  }
  let best: Raw | undefined
  for (const click of clicks) {
    if (click.ts > ts || ts - click.ts > WINDOW_MS) continue
    if (!best || click.ts > best.ts || (click.ts === best.ts && click.event_id > best.event_id)) best = click
  }
  if (!best) return { ...base, click: null, lag_ms: null }
  const click = { event_id: best.event_id, ad_id: best.ad_id, campaign_id: campaignOf(best), timestamp: new Date(best.ts).toISOString() }
  return { ...base, click, lag_ms: ts - best.ts }
}

const campaignOf = ({ ad_campaign_id }: Raw) => (ad_campaign_id === undefined ? null : String(ad_campaign_id))

type ClickOf = ReadonlyMap<string, AttributedEvent['click']>

function windowsOf(visits: readonly Raw[], clicks: readonly Raw[], clickOf: ClickOf, doubleClickMs: number): AdWindow[] {
  const groups = new Map<string, Raw[]>()
  for (const visit of visits) {
    const campaign = visit.event_type === 'order' ? (clickOf.get(visit.event_id)?.campaign_id ?? null) : campaignOf(visit)
    const key = JSON.stringify([Math.floor(visit.ts / MINUTE_MS) * MINUTE_MS, visit.item_id ?? null, campaign])
    const group = groups.get(key)
    if (group) group.push(visit)
    else groups.set(key, [visit])
  }
  const ofAd = Map.groupBy(clicks, ({ user_id, ad_id }) => JSON.stringify([user_id, ad_id]))
  const isDouble = (click: Raw) =>
    (ofAd.get(JSON.stringify([click.user_id, click.ad_id])) as Raw[]).some(
      (other) =>
        other !== click &&
        (other.ts < click.ts || (other.ts === click.ts && other.event_id < click.event_id)) &&
        click.ts - other.ts < doubleClickMs,
    )
  return [...groups].map(([key, group]) => {
    const [minute, item_id, campaign_id] = JSON.parse(key) as [number, number | null, string | null]
    const own = (type: string) => group.filter((each) => each.event_type === type)
    const [impressions, clicked, orders] = [own('impression').length, own('click'), own('order')]
    const attributedOrders = orders.filter((each) => clickOf.get(each.event_id)).length
    return {
      window_start: new Date(minute).toISOString(),
      window_end: new Date(minute + MINUTE_MS).toISOString(),
      item_id,
      campaign_id,
      impressions,
      clicks: clicked.length,
      valid_clicks: clicked.filter((each) => !isDouble(each)).length,
      orders: orders.length,
      attributed_orders: attributedOrders,
      revenue: revenueOf(orders),
      ctr: impressions === 0 ? 0 : clicked.length / impressions,
      cvr: clicked.length === 0 ? 0 : attributedOrders / clicked.length,
    }
  })
}

const revenueOf = (orders: readonly Raw[]) => orders.reduce((sum, each) => sum + Math.round(each.price * 100) * each.quantity, 0) / 100

const RANK: Readonly<Record<string, number>> = { click: 1, impression: 2, order: 3 }

function sessionsOf(visits: readonly Raw[], clickOf: ClickOf): Session[] {
  const isAttributed = (each: Raw) => Boolean(clickOf.get(each.event_id))
  const rank = (each: Raw) => RANK[each.event_type] as number
  const ordered = visits.toSorted(
    (a, b) =>
      a.ts - b.ts ||
      rank(a) - rank(b) ||
      (a.item_id ?? Number.MAX_VALUE) - (b.item_id ?? Number.MAX_VALUE) ||
      Number(isAttributed(a)) - Number(isAttributed(b)),
  )
  const sessions: Raw[][] = []
  const latest = new Map<string, Raw[]>()
  for (const visit of ordered) {
    const session = latest.get(visit.user_id)
    if (session && visit.ts - (session.at(-1) as Raw).ts <= SESSION_GAP_MS) session.push(visit)
    else {
      const next = [visit]
      latest.set(visit.user_id, next)
      sessions.push(next)
    }
  }
  return sessions.map((session) => {
    const [first, last] = [session[0] as Raw, session.at(-1) as Raw]
    const own = (type: string) => session.filter((each) => each.event_type === type)
    const orders = own('order')
    const clicks = own('click').length
    return {
      session_id: `${first.user_id}/${first.ts}`,
      user_id: first.user_id,
      started_at: new Date(first.ts).toISOString(),
      ended_at: new Date(last.ts).toISOString(),
      duration_ms: last.ts - first.ts,
      events: session.length,
      impressions: own('impression').length,
      clicks,
      orders: orders.length,
      attributed_orders: orders.filter(isAttributed).length,
      revenue: revenueOf(orders),
      entry_item_id: first.item_id ?? null,
      path: session.flatMap((each) => (each.item_id === undefined ? [] : [each.item_id])).slice(0, 50),
      steps: session.slice(0, 50).map((each) => ({
        ts: each.ts,
        event_type: each.event_type as 'click' | 'impression' | 'order',
        item_id: each.item_id ?? null,
        attributed: isAttributed(each),
      })),
      outcome: orders.length > 0 ? 'ordered' : clicks > 0 ? 'clicked' : 'viewed',
    }
  })
}

/** In an order of their own, so that rows can be compared whatever order they came in. */
export function sorted({ attributed, windows, sessions }: StreamRows): StreamRows {
  const by = <T>(rows: readonly T[], key: (row: T) => string) => rows.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
  return {
    attributed: by(attributed, (each) => each.event_id),
    windows: by(windows, (each) => `${each.window_start} ${each.item_id} ${each.campaign_id}`),
    sessions: by(sessions, (each) => each.session_id),
  }
}
