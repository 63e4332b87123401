import type { DatabaseSync } from 'node:sqlite'
import { CHANNEL_READER } from '../reader/readers.ts'

/** Of each channel the newest are kept. */
const KEPT_MAX = 200

/** Under this name a channel reads `alerts.v1`. */
export const readerOf = (channel: string) => `${CHANNEL_READER}${channel}` as const

export interface Delivery {
  offset: number
  alertId: string
  heading: string
  outcome: 'delivered' | 'refused'
  /** What the receiver said. */
  detail: string
  tries: number
  at: number
}

/** A channel that cannot be used just now: since when, how often it was tried, and why. */
export interface Trouble {
  since: number
  tries: number
  detail: string
  at: number
}

/** What became of alerts on the channels, beside the places of their readers. */
export function deliveriesIn(db: DatabaseSync) {
  const insert = db.prepare('insert or replace into channel_deliveries values (?, ?, ?, ?, ?, ?, ?, ?)')
  const remove = db.prepare(`delete from channel_deliveries where channel = ?1 and log_offset <= (
    select log_offset from channel_deliveries where channel = ?1 order by log_offset desc limit 1 offset ?2)`)
  const trouble = db.prepare(`insert into channel_troubles values (?1, ?2, 1, ?3, ?2)
    on conflict (channel) do update set tries = tries + 1, detail = ?3, at = ?2`)
  const troubleOf = db.prepare('select since, tries, detail, at from channel_troubles where channel = ?')
  const mend = db.prepare('delete from channel_troubles where channel = ?')
  return {
    write(channel: string, { offset, alertId, heading, outcome, detail, tries, at }: Delivery) {
      insert.run(channel, offset, alertId, heading, outcome, detail, tries, at)
      remove.run(channel, KEPT_MAX)
    },
    fail: (channel: string, detail: string, at: number) => void trouble.run(channel, at, detail),
    trouble: (channel: string) => troubleOf.get(channel) as Trouble | undefined,
    mended: (channel: string) => void mend.run(channel),
  }
}

/** Channels that are wanted no more: nobody waits for their readers then, and one of that name begins anew. */
export function forgetOtherChannels(db: DatabaseSync, names: readonly string[]): void {
  const kept = JSON.stringify(names)
  const gone = (column: string) => `${column} not in (select value from json_each(?))`
  db.prepare(`delete from places where reader glob '${CHANNEL_READER}*' and ${gone(`substr(reader, ${CHANNEL_READER.length + 1})`)}`).run(
    kept,
  )
  db.prepare(`delete from channel_troubles where ${gone('channel')}`).run(kept)
  db.prepare(`delete from channel_deliveries where ${gone('channel')}`).run(kept)
}

export interface ChannelStanding {
  channel: string
  last: Omit<Delivery, 'offset'> | undefined
  trouble: Trouble | undefined
}

/** Of every channel that has begun: its last delivery, and what is wrong with it. */
export function channelStandings(db: DatabaseSync): ChannelStanding[] {
  const names = db.prepare(
    `select distinct substr(reader, ${CHANNEL_READER.length + 1}) as channel from places where reader glob '${CHANNEL_READER}*' order by channel`,
  )
  const last = db.prepare(
    'select alert_id as alertId, heading, outcome, detail, tries, at from channel_deliveries where channel = ? order by log_offset desc limit 1',
  )
  const { trouble } = deliveriesIn(db)
  return (names.all() as { channel: string }[]).map(({ channel }) => ({
    channel,
    last: last.get(channel) as ChannelStanding['last'],
    trouble: trouble(channel),
  }))
}
