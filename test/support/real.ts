import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mulberry32 } from '../../packages/pipeline/src/cli/prng.ts'
import { expectedAnswers, type Answers, type Sent } from './answers.ts'
import { madeUpEvents, readEvents, REFERENCE } from './files.ts'

const MADE_UP = 20_000

export interface Case {
  name: string
  events: Sent[]
  expected: Answers
}

/** The real file where it is, else people made up by seed, whose answers the plain rule gives. */
export function realCase(seed: number): Case {
  if (!REFERENCE) return madeUpCase(seed)
  const given = JSON.parse(readFileSync(join(REFERENCE, 'taobao-expected.json'), 'utf8'))
  const expected: Answers = {
    clicks: given.clicks,
    orders: given.orders,
    attributed: given.attributed_orders,
    gmv: given.gmv,
    attributedRevenue: given.attributed_revenue,
    chargedClicks: given.charged_clicks,
    doubleClicks: given.double_clicks_under_2s_same_user_and_ad,
    attributedPerDay: given.attributed_per_utc_day,
    ordersPerDay: given.orders_per_utc_day,
    gmvPerDay: given.gmv_per_utc_day,
    sessionsPerDay: given.sessions_by_utc_day_of_start,
  }
  return { name: 'the taobao file', events: readEvents(join(REFERENCE, 'taobao-events.ndjson.gz')), expected }
}

/** People made up by seed, whose answers the plain rule gives. */
export function madeUpCase(seed: number): Case {
  const events = madeUpEvents(MADE_UP, mulberry32(seed))
  return { name: `${MADE_UP} made-up events`, events, expected: expectedAnswers(events) }
}
