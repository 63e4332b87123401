import { DAY_MS, MINUTE_MS } from '@flowguard/contract'
import { between, mulberry32 } from '../../cli/prng.ts'
import type { MinuteTotals } from '../measures.ts'
import { draws, type Draws } from './chance.ts'

/** Monday. */
export const TRAFFIC_START = Date.UTC(2026, 0, 5)
const WEEK_MIN = 7 * 24 * 60
const BASKET_PAISE = 42_000
const BASKET_DEVIATION = 0.55
/** So long a chance stays with the traffic. */
const DRIFT_MIN = 30

/** What goes wrong in a minute: factors on what would have been, and floods beside it. */
export interface Wrong {
  orders: number
  ctr: number
  cvr: number
  price: number
  refused: number
  dead: number
}

export const NOTHING_WRONG: Wrong = { orders: 1, ctr: 1, cvr: 1, price: 1, refused: 0, dead: 0 }

/**
 * Minutes of a food delivery's traffic, from a Monday on: lunch and dinner, weekends, weeks that grow or shrink, better and worse days, chance that stays for half an
 * hour, and counts that vary more than Poisson's. `ordersPerMinute` on average. All of it by the seed.
 */
export function* traffic(seed: number, ordersPerMinute: number, wrongAt: (minuteAt: number) => Wrong): Generator<MinuteTotals> {
  const random = mulberry32(seed)
  const draw = draws(random)
  const growth = between(random, -0.02, 0.04)
  const drifts = { traffic: drift(draw, 0.05), ctr: drift(draw, 0.03), cvr: drift(draw, 0.03), price: drift(draw, 0.02) }
  let day = dayOf(draw)
  for (let at = 0; ; at += 1) {
    if (at % (24 * 60) === 0) day = dayOf(draw)
    const wrong = wrongAt(at)
    const busy = rhythm(at) * (1 + growth) ** (at / WEEK_MIN) * day.traffic * drifts.traffic()
    const hour = (at / 60) % 24
    const impressions = draw.dispersed(ordersPerMinute * 50 * busy, 8)
    const clicks = draw.binomial(impressions, 0.06 * (1 + 0.15 * bump(hour, 20, 3)) * day.ctr * drifts.ctr() * wrong.ctr)
    const attributed = draw.binomial(clicks, 0.12 * (1 + 0.2 * bump(hour, 13, 2)) * day.cvr * drifts.cvr() * wrong.cvr * wrong.orders)
    const others = draw.dispersed(ordersPerMinute * 0.64 * busy * wrong.orders, 1.6)
    const orders = attributed + others
    let revenue = 0
    const price = BASKET_PAISE * (1 + 0.12 * bump(hour, 20, 2)) * drifts.price() * wrong.price
    for (let each = 0; each < orders; each += 1) revenue += Math.round(price * draw.lognormal(BASKET_DEVIATION))
    yield {
      minute: TRAFFIC_START + at * MINUTE_MS,
      impressions,
      clicks,
      orders,
      attributedOrders: attributed,
      revenuePaise: revenue,
      refused: draw.dispersed(ordersPerMinute * 0.05 * busy, 3) + draw.poisson(wrong.refused),
      dead: draw.dispersed(0.03 * busy, 2) + draw.poisson(wrong.dead),
    }
  }
}

const dayOf = (draw: Draws) => ({ traffic: draw.lognormal(0.08), ctr: draw.lognormal(0.04), cvr: draw.lognormal(0.04) })

/** Of mean 1: today's chance is yesterday's, a little less, and a new one. */
function drift(draw: Draws, deviation: number): () => number {
  const keep = Math.exp(-1 / DRIFT_MIN)
  let value = draw.normal() * deviation
  return () => {
    value = keep * value + Math.sqrt(1 - keep ** 2) * deviation * draw.normal()
    return Math.exp(value - deviation ** 2 / 2)
  }
}

/** About 1 on average: nights of a tenth, lunch, dinner; weekends rise later, and higher. */
function rhythm(at: number): number {
  const day = Math.floor(at / (DAY_MS / MINUTE_MS)) % 7
  const hour = (at / 60) % 24
  const isWeekend = day >= 5
  const awake = 0.12 + 0.5 * bump(hour, 15, 4.5)
  const lunch = isWeekend ? 1.9 * bump(hour, 13.6, 1.3) : 2 * bump(hour, 12.8, 0.9)
  const dinner = (isWeekend ? 3.3 : day === 4 ? 3 : 2.4) * bump(hour, 20.2, 1.6)
  return awake + lunch + dinner
}

/** A bell over the hours of the day, across midnight. */
function bump(hour: number, middle: number, width: number): number {
  const away = Math.abs(hour - middle)
  return Math.exp(-(Math.min(away, 24 - away) ** 2) / (2 * width ** 2))
}
