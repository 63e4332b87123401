import { randomBytes } from 'node:crypto'

/** A whole HTTP request that is sent again and again: each time its events get new ids, users and times, written over the old ones in place. */
export interface Template {
  bytes: Buffer
  slots: readonly Slot[]
}

/** Where one event's values stand in the bytes. `clicked`: the slot of the click whose user this order shares. */
interface Slot {
  id: number
  user: number
  time: number
  clicked: number | undefined
}

export type Traffic = 'click' | 'order' | 'general' | 'mixed'

const USERS_COUNT = 20_000
const USER_FIRST = 100_000
const ITEMS_COUNT = 100
const ORDERS_SHARE = 0.1
const IMPRESSIONS_SHARE = 0.3
/** Of the orders in a batch, those whose user has just clicked on the item. */
const CLICKED_SHARE = 0.5
const AGENTS = [
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0',
]

const PRICINGS = ['cpc', 'cpm', 'cpa'] as const

/** Three ads an item, one of each pricing, as the ads file has them. */
export function benchAds(): object[] {
  return Array.from({ length: ITEMS_COUNT }, (_, at) => at + 1).flatMap((item) =>
    PRICINGS.map((pricing) => ({
      ad_id: `ad_${pricing}_${item}`,
      item_id: item,
      campaign_id: `cmp_${item % 10}`,
      advertiser_id: `adv_${item % 20}`,
      pricing,
      rate: { cpc: 2.5, cpm: 150, cpa: 40 }[pricing],
      daily_budget: 5_000,
    })),
  )
}

type Kind = Exclude<Traffic, 'mixed'> | 'impression'

const PATHS: Record<Traffic, string> = { click: '/api/v1/clicks', order: '/api/v1/orders', general: '/events', mixed: '/api/v1/batch' }

/** A request of `count` events: alone on the route of its kind, more as a batch. */
export function template(traffic: Traffic, count: number, port: number): Template {
  const kinds = Array.from({ length: count }, (): Kind => {
    if (traffic !== 'mixed') return traffic
    const chance = Math.random()
    return chance < ORDERS_SHARE ? 'order' : chance < ORDERS_SHARE + IMPRESSIONS_SHARE ? 'impression' : 'click'
  })
  const items = kinds.map(() => 1 + pick(ITEMS_COUNT))
  const clicked = kinds.map((kind, at) => {
    const click = kind === 'order' && Math.random() < CLICKED_SHARE ? kinds.lastIndexOf('click', at) : -1
    if (click >= 0) items[at] = items[click] as number
    return click >= 0 ? click : undefined
  })
  const events = kinds.map((kind, at) => JSON.stringify(eventOf(kind, items[at] as number)))
  const body = count === 1 ? (events[0] as string) : `[${events.join(',')}]`
  const path = count > 1 ? '/api/v1/batch' : PATHS[traffic]
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  const text = head + body
  let from = head.length
  const slots = clicked.map((click): Slot => {
    const id = text.indexOf(ID, from)
    const user = text.indexOf(String(USER_FIRST), id)
    const time = text.indexOf(TIME, user)
    from = time
    return { id, user, time, clicked: click }
  })
  return { bytes: Buffer.from(text, 'latin1'), slots }
}

const ID = '00000000-0000-4000-8000-000000000000'
const TIME = '2000-01-01T00:00:00.000Z'

/** A common event: as long and as rich as an app sends them, about 400 bytes. */
function eventOf(kind: Kind, item: number): object {
  if (kind === 'general') {
    const properties = { amount: 99 + pick(1_400), currency: 'INR', item, session: `s-${pick(90_000) + 10_000}` }
    return { event_type: 'purchase', event_id: ID, user_id: USER_FIRST, timestamp: TIME, properties }
  }
  const common = {
    event_type: kind,
    event_id: ID,
    user_id: USER_FIRST,
    timestamp: TIME,
    item_id: item,
    session_id: `s-${pick(90_000) + 10_000}`,
    city: 'Bengaluru',
  }
  if (kind === 'order')
    return {
      ...common,
      item_name: `Dish ${item}`,
      price: 99 + pick(400),
      quantity: 1 + pick(3),
      restaurant_id: 1 + pick(500),
      user_agent: agent(),
    }
  const pricing = PRICINGS[pick(PRICINGS.length)]
  return {
    ...common,
    ad_id: `ad_${pricing}_${item}`,
    ad_campaign_id: `cmp_${item % 10}`,
    ad_type: 'banner',
    is_click: kind === 'click',
    page_url: `/menu/${item}`,
    device_type: 'mobile',
    user_agent: agent(),
  }
}

const agent = () => AGENTS[pick(AGENTS.length)]

function pick(count: number): number {
  return Math.floor(Math.random() * count)
}

/** Hexadecimal digits, as bytes. */
const DIGITS = Buffer.from('0123456789abcdef')
const USERS = Array.from({ length: USERS_COUNT }, (_, at) => String(USER_FIRST + at))
const [ID_CHARS, USER_CHARS, TIME_CHARS] = [ID.length, USERS[0]!.length, TIME.length]

/** Writes new events over the last ones: random ids (UUIDv4), thousands of users, the time now. Costs well under a microsecond an event. */
export function renew({ bytes, slots }: Template): void {
  const now = new Date().toISOString()
  for (const { id, user, time, clicked } of slots) {
    writeId(bytes, id)
    if (clicked === undefined) bytes.write(USERS[(random() >>> 0) % USERS_COUNT]!, user, USER_CHARS, 'latin1')
    else bytes.copyWithin(user, slots[clicked]!.user, slots[clicked]!.user + USER_CHARS)
    bytes.write(now, time, TIME_CHARS, 'latin1')
  }
}

function writeId(bytes: Buffer, at: number): void {
  let word = 0
  for (let char = 0; char < ID_CHARS; char += 1) {
    if ((char & 7) === 0) word = random()
    // Dashes, and the digits that say which kind of UUID it is.
    if (char === 8 || char === 13 || char === 14 || char === 18 || char === 19 || char === 23) continue
    bytes[at + char] = DIGITS[word & 15]!
    word >>>= 4
  }
}

const state = new Uint32Array(Uint8Array.from(randomBytes(16)).buffer)

/** 32 random bits (sfc32): no two runs alike, and cheap. */
function random(): number {
  const [a, b, c, counter] = [state[0]!, state[1]!, state[2]!, state[3]!]
  const sum = (a + b + counter) | 0
  state[3] = counter + 1
  state[0] = b ^ (b >>> 9)
  state[1] = (c + (c << 3)) | 0
  state[2] = (((c << 21) | (c >>> 11)) + sum) | 0
  return sum
}
