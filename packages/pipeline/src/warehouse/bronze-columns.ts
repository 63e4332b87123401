import { ATTRIBUTED, CLICKS, GENERAL, ORDERS } from '@flowguard/contract'
import type { LoadedTopic } from './schema.ts'

/** `time` is RFC 3339 in UTC; `event time` is in ms since 1970; `hash` is the header's. */
export type Kind = 'text' | 'whole' | 'money' | 'flag' | 'time' | 'event time' | 'hash'

export interface BronzeColumn {
  name: string
  kind: Kind
  /** Where in the event it is: its field, and for what lies deeper the field of that. */
  path: readonly string[]
  /** In place of one that is not there. */
  otherwise?: string
}

export interface Source {
  columns: readonly BronzeColumn[]
  /** The day of this one, else of appending, is the row's. */
  eventTime: BronzeColumn
  producer: string
}

const column = (name: string, kind: Kind, path = name): BronzeColumn => ({ name, kind, path: path.split('.') })
const texts = (...names: readonly string[]) => names.map((name) => column(name, 'text'))

const ITEM = column('item_id', 'whole')
const PRICE = column('price', 'money')
const QUANTITY = column('quantity', 'whole')
const IS_BOT = column('is_bot', 'flag')
const TIME = column('event_timestamp', 'event time', 'ts')
const ORDER_TIME = column('order_timestamp', 'time', 'timestamp')
const COMMON = [
  TIME,
  column('received_at', 'time'),
  column('client_timestamp', 'text', 'timestamp'),
  column('content_hash', 'hash'),
] as const

/** How a record becomes a row of bronze, whoever makes it; what every row has besides is its place and its text. */
export const BRONZE_SOURCES: Readonly<Record<LoadedTopic, Source>> = {
  [ORDERS]: {
    columns: [
      ...texts('event_id', 'order_id', 'client_order_id', 'user_id', 'item_name', 'session_id', 'restaurant_id', 'city', 'event_type'),
      ITEM,
      PRICE,
      QUANTITY,
      IS_BOT,
      column('status', 'text', 'order_type'),
      ...COMMON,
    ],
    eventTime: TIME,
    producer: 'events-gateway',
  },
  [CLICKS]: {
    columns: [
      ...texts('event_id', 'user_id', 'event_type', 'session_id', 'ad_id', 'ad_campaign_id', 'ad_type', 'page_url', 'referrer'),
      ...texts('device_type', 'user_agent', 'city', 'ip_address'),
      ITEM,
      IS_BOT,
      ...COMMON,
    ],
    eventTime: TIME,
    producer: 'events-gateway',
  },
  [GENERAL]: {
    columns: [...texts('event_id', 'user_id', 'event_type', 'properties'), ...COMMON],
    eventTime: TIME,
    producer: 'events-gateway',
  },
  [ATTRIBUTED]: {
    columns: [
      column('order_event_id', 'text', 'event_id'),
      ...texts('order_id', 'user_id'),
      ITEM,
      PRICE,
      QUANTITY,
      ORDER_TIME,
      column('click_event_id', 'text', 'click.event_id'),
      column('ad_id', 'text', 'click.ad_id'),
      column('campaign_id', 'text', 'click.campaign_id'),
      column('click_timestamp', 'time', 'click.timestamp'),
      column('lag_ms', 'whole'),
      { ...column('event_type', 'text'), otherwise: 'attributed' },
    ],
    eventTime: ORDER_TIME,
    producer: 'stream',
  },
}
