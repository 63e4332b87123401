import type { Food } from '@flowguard/contract'
import { DAY_MS, MINUTE_MS, SECOND_MS } from '@flowguard/contract'
import { between, mulberry32, pick, shuffled, uuidAt, wholeBetween, zipf, type Random } from './prng.ts'

/** An ad as its file has it. */
export interface SimulatedAd {
  ad_id: string
  item_id: number
  campaign_id: string
}

export interface PeopleOptions {
  seed: number
  /** Events a second, on average over the run. */
  rate: number
  /** How long it runs; 0 is for ever. */
  durationMs: number
  /** When it begins, ms since 1970: events and ids carry its time. */
  startMs: number
  users: number
  /** Shares from 0 to 1: of events sent late, of events sent twice, of people who are bots. */
  late: number
  duplicates: number
  bots: number
  foods: readonly Food[]
  ads: readonly SimulatedAd[]
}

/** An event, and when it is sent. */
export interface SimulatedEvent {
  atMs: number
  kind: 'click' | 'impression' | 'order'
  event: Readonly<Record<string, unknown>>
}

interface Person {
  id: number
  city: string
  device: string
  agent: string
  isBot: boolean
  /** Dishes from the favourite down. */
  taste: readonly Food[]
}

interface Session {
  person: Person
  id: string
  stepsLeft: number
  /** The ad that the person looks at. */
  seen: { food: Food; adId: string; campaignId: string | undefined; adType: string } | undefined
}

interface Planned {
  atMs: number
  isRepeat?: true
  make: (atMs: number) => SimulatedEvent
}

const CITIES = ['Mumbai', 'Delhi', 'Bengaluru', 'Hyderabad', 'Chennai', 'Pune', 'Kolkata', 'Ahmedabad', 'Jaipur', 'Kochi'] as const
const DEVICES = [
  ['mobile', 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36'],
  ['mobile', 'Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36'],
  [
    'mobile',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  ],
  [
    'tablet',
    'Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  ],
  ['desktop', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36'],
  ['desktop', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0'],
] as const
const BOT_AGENTS = [
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)',
  'python-requests/2.32.3',
] as const
const AD_TYPES = ['banner', 'native', 'native', 'video'] as const
const REFERRERS = ['https://www.google.com/', 'https://www.instagram.com/', ''] as const

const FIRST_USER = 1001
const ID_MIX = 0x9e3779b1
const TASTE_EXPONENT = 1.1
const USER_EXPONENT = 0.7
/** Of impressions hovered over, those clicked; of a person's clicks, those that end in an order. */
const CLICK_SHARE = 0.22
const BOT_CLICK_SHARE = 0.8
const ORDER_SHARE = 0.3
/** Orders of a favourite with no ad before them. */
const REORDER_SHARE = 0.01
const CANCEL_SHARE = 0.04
/** From the click to the order: most within minutes, some after a long look at the menu. */
const DECIDE_MS = { least: 15 * SECOND_MS, most: 15 * MINUTE_MS }
const CANCEL_MS = { least: 30 * SECOND_MS, most: 4 * MINUTE_MS }
const RESEND_MS = { least: SECOND_MS, most: 20 * SECOND_MS }
const LATE_MS = { least: 12 * SECOND_MS, most: 90 * SECOND_MS }
/** Of all users, those who are there at once, at most: the others come back later. */
const PRESENT_SHARE_MAX = 0.8
/** How long a person looks before the next step. */
const STEP_MS = 8 * SECOND_MS
/** Runs shorter than this happen faster, so that they see orders too. */
const FULL_RUN_MS = 10 * MINUTE_MS
/** People of India eat by their own clock. */
const IST_OFFSET_MS = 5.5 * 60 * MINUTE_MS
/** How hungry each hour of the day is: lunch, and dinner above all. */
const HUNGER = [4, 3, 2, 2, 2, 3, 4, 5, 6, 6, 7, 9, 13, 14, 10, 7, 7, 9, 13, 18, 20, 17, 11, 7] as const

/**
 * What people do, in the order in which it is sent: they see ads, click some, and order some of what they clicked minutes later.
 * Nothing but the options decides it: the same seed at the same start gives the same events.
 */
export function* simulatePeople(options: PeopleOptions): Generator<SimulatedEvent> {
  const random = mulberry32(options.seed)
  const { startMs, durationMs, rate, duplicates } = options
  const haste = durationMs === 0 ? 1 : Math.min(1, durationMs / FULL_RUN_MS)
  const crowd = crowdOf(random, options)
  const nextStep = stepsOf(random, options, crowd, haste)
  const planned: Planned[] = []
  const shapeMean = durationMs === 0 ? hungerMean(startMs, DAY_MS) : hungerMean(startMs, durationMs)
  // One event in each step of time, somewhere in it: the count is as asked, the moments are nobody's clockwork.
  let stepMs: number
  for (let from = startMs; durationMs === 0 || from < startMs + durationMs; from += stepMs) {
    stepMs = (SECOND_MS / rate) * (shapeMean / hungerAt(from))
    const at = from + random() * stepMs
    const due = takeDue(planned, at)
    const now = due ? due.make(at) : nextStep(at, planned)
    yield now
    if (random() < duplicates && !due?.isRepeat) {
      planned.push({
        atMs: at + between(random, RESEND_MS.least, RESEND_MS.most) * haste,
        make: (atMs) => ({ ...now, atMs }),
        isRepeat: true,
      })
    }
  }
}

/** The one that is due longest. */
function takeDue(planned: Planned[], at: number): Planned | undefined {
  let first: number | undefined
  planned.forEach(({ atMs }, index) => {
    if (atMs <= at && (first === undefined || atMs < (planned[first]?.atMs ?? Infinity))) first = index
  })
  return first === undefined ? undefined : planned.splice(first, 1)[0]
}

function crowdOf(random: Random, { users, bots, foods }: PeopleOptions): readonly Person[] {
  return Array.from({ length: users }, (_, index) => {
    const [device, agent] = pick(random, DEVICES)
    const isBot = random() < bots
    return {
      id: FIRST_USER + index,
      city: pick(random, CITIES),
      device,
      agent: isBot ? pick(random, BOT_AGENTS) : agent,
      isBot,
      taste: shuffled(random, foods),
    }
  })
}

/** One more step of one of the people who are there: whoever is drawn sees, clicks, or leaves for the next. */
function stepsOf(
  random: Random,
  { seed, startMs, rate, users, late, foods, ads, durationMs }: PeopleOptions,
  crowd: readonly Person[],
  haste: number,
) {
  // Of the start too: the same seed tomorrow is the same people with new events, not repeats of today's.
  const randomForIds = mulberry32(seed ^ Math.imul(Math.floor(startMs), ID_MIX))
  const lookMs = durationMs === 0 ? STEP_MS : Math.min(STEP_MS, durationMs / 10)
  const presentMax = Math.max(1, Math.min(Math.floor(users * PRESENT_SHARE_MAX), Math.round((rate * lookMs) / SECOND_MS)))
  const present: Session[] = []
  const presentIds = new Set<number>()
  const drawPerson = zipf(random, crowd.length, USER_EXPONENT)
  const drawTaste = zipf(random, foods.length, TASTE_EXPONENT)
  const adsOf = Map.groupBy(ads, (ad) => ad.item_id)

  function enter(at: number): Session {
    let person = crowd[drawPerson()] as Person
    while (presentIds.has(person.id)) person = pick(random, crowd)
    presentIds.add(person.id)
    return { person, id: `s-${Math.floor(at).toString(36)}-${person.id}`, stepsLeft: wholeBetween(random, 4, 18), seen: undefined }
  }

  function base(at: number, { person, id }: Session) {
    const isLate = random() < late
    const timestamp = new Date(at - (isLate ? between(random, LATE_MS.least, LATE_MS.most) : 0)).toISOString()
    return {
      event_id: uuidAt(randomForIds, at),
      timestamp,
      user_id: person.id,
      session_id: id,
      city: person.city,
      user_agent: person.agent,
    }
  }

  function hover(at: number, session: Session): SimulatedEvent {
    const food = session.person.taste[drawTaste()] as Food
    const ofFood = adsOf.get(food.food_id)
    const ad = ofFood && random() < 0.85 ? pick(random, ofFood) : undefined
    session.seen = { food, adId: ad?.ad_id ?? `food_${food.food_id}`, campaignId: ad?.campaign_id, adType: pick(random, AD_TYPES) }
    return {
      atMs: at,
      kind: 'impression',
      event: { event_type: 'impression', ...base(at, session), ...adFields(random, session), is_click: false },
    }
  }

  function click(at: number, session: Session, planned: Planned[]): SimulatedEvent {
    const made: SimulatedEvent = {
      atMs: at,
      kind: 'click',
      event: { event_type: 'click', ...base(at, session), ...adFields(random, session), is_click: true },
    }
    const food = session.seen?.food
    session.seen = undefined
    if (food && !session.person.isBot && random() < ORDER_SHARE) {
      const decide = DECIDE_MS.least * (DECIDE_MS.most / DECIDE_MS.least) ** random()
      planned.push({ atMs: at + decide * haste, make: (atMs) => order(atMs, session, food, planned) })
    }
    return made
  }

  function order(at: number, session: Session, food: Food, planned: Planned[]): SimulatedEvent {
    const quantity = pick(random, [1, 1, 1, 2, 2, 3])
    const placed = { item_id: food.food_id, item_name: food.name, price: food.price, quantity, order_type: 'placed' }
    const common = base(at, session)
    const orderId = `cart-${common.event_id.slice(-12)}-${Math.floor(at).toString(36)}`
    if (random() < CANCEL_SHARE) {
      const make = (atMs: number): SimulatedEvent => {
        const event = { event_type: 'order', ...base(atMs, session), order_id: orderId, item_id: food.food_id, order_type: 'cancelled' }
        return { atMs, kind: 'order', event }
      }
      planned.push({ atMs: at + between(random, CANCEL_MS.least, CANCEL_MS.most) * haste, make })
    }
    return { atMs: at, kind: 'order', event: { event_type: 'order', ...common, order_id: orderId, ...placed } }
  }

  return (at: number, planned: Planned[]): SimulatedEvent => {
    if (present.length < presentMax) present.push(enter(at))
    const index = Math.floor(random() * present.length)
    let session = present[index] as Session
    if (session.stepsLeft <= 0) {
      present.splice(index, 1)
      presentIds.delete(session.person.id)
      session = enter(at)
      present.push(session)
    }
    session.stepsLeft -= 1
    if (!session.person.isBot && random() < REORDER_SHARE) return order(at, session, session.person.taste[0] as Food, planned)
    const isClicked = session.seen !== undefined && random() < (session.person.isBot ? BOT_CLICK_SHARE : CLICK_SHARE)
    return isClicked ? click(at, session, planned) : hover(at, session)
  }
}

function adFields(random: Random, { person, seen }: Session) {
  if (!seen) throw new RangeError('nobody clicks what is not seen')
  const referrer = pick(random, REFERRERS)
  return {
    ad_id: seen.adId,
    item_id: seen.food.food_id,
    ...(seen.campaignId === undefined ? {} : { ad_campaign_id: seen.campaignId }),
    ad_type: seen.adType,
    page_url: `/menu/${seen.food.category.toLowerCase().replaceAll(' ', '-')}`,
    ...(referrer === '' ? {} : { referrer }),
    device_type: person.device,
  }
}

/** Between the hours it changes gradually. */
function hungerAt(ms: number): number {
  const hours = ((((ms + IST_OFFSET_MS) % DAY_MS) + DAY_MS) % DAY_MS) / (60 * MINUTE_MS)
  const hour = Math.floor(hours)
  const [from, to] = [HUNGER[hour % 24] as number, HUNGER[(hour + 1) % 24] as number]
  return from + (to - from) * (hours - hour)
}

const HUNGER_SAMPLES = 96

/** The mean over a span, so that a run has the rate that was asked for, and a long one its peaks. */
function hungerMean(startMs: number, spanMs: number): number {
  let sum = 0
  for (let at = 0; at < HUNGER_SAMPLES; at += 1) sum += hungerAt(startMs + ((at + 0.5) / HUNGER_SAMPLES) * spanMs)
  return sum / HUNGER_SAMPLES
}
