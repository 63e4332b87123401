import { ALERTS, isoOf } from '@flowguard/contract'
import { channelStandings, readerOf, type Delivery } from '../notify/deliveries.ts'
import { standingsIn } from '../reader/places.ts'
import type { Stores } from './stores.ts'

/** How a channel of alerts is. */
export interface ChannelState {
  channel: string
  /** Alerts that it has yet to look at. */
  waiting: number
  /** Alerts that its receiver took. */
  sent: number
  last: { alert_id: string; heading: string; outcome: Delivery['outcome']; detail: string; tries: number; at: string } | null
  /** Why it cannot be used just now; null where nothing is wrong. */
  trouble: { since: string; tries: number; detail: string; at: string } | null
}

/** The channels that have begun, by name. */
export function channelStates({ pipeline }: Pick<Stores, 'pipeline'>): ChannelState[] {
  if (!pipeline) return []
  const { db, log } = pipeline
  const ends = log.endsNow(ALERTS)
  const places = standingsIn(db)
  return channelStandings(db).map(({ channel, last, trouble }) => {
    const own = places.filter(({ reader }) => reader === readerOf(channel))
    return {
      channel,
      waiting: own.reduce((sum, { partition, next }) => sum + Math.max(0, (ends[partition]?.end ?? 0) - next), 0),
      sent: own.reduce((sum, { applied }) => sum + applied, 0),
      last: last ? lastOf(last) : null,
      trouble: trouble ? { ...trouble, since: isoOf(trouble.since), at: isoOf(trouble.at) } : null,
    }
  })
}

function lastOf({ alertId, heading, outcome, detail, tries, at }: Omit<Delivery, 'offset'>): NonNullable<ChannelState['last']> {
  return { alert_id: alertId, heading, outcome, detail, tries, at: isoOf(at) }
}
