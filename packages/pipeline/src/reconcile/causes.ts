import { LATENESS_MS, milliToRupees, type ReconCause } from '@flowguard/contract'
import type { AttributionFound, ChargeFound } from './compare-sql.ts'

export interface Named {
  cause: ReconCause
  /** What was seen, for people. */
  detail: string
}

const found = (cause: ReconCause, detail: string): Named => ({ cause, detail })
const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`
const rupees = (milli: number) => `₹${milliToRupees(milli)}`

/** Why stream and batch differ about the click that an order is due to. */
export function causeOfAttribution(each: AttributionFound): Named {
  const { stream_count: streamCount, batch_count: batchCount, stream_click: before, batch_click: now } = each
  if (each.settled_cause !== null)
    return each.is_flagged
      ? found('filtered', `click ${before} was found invalid`)
      : found(each.settled_cause as ReconCause, 'what was settled before does not hold any more')
  if (batchCount === 0) {
    if (each.is_repeat) return found('repeated', 'answered again: its event came before')
    return found('unexplained', 'answered by the stream, and no event of it in bronze')
  }
  if (streamCount === 0) {
    if (each.behind_ms !== null) return found('late', lateness('the order', each.behind_ms, each.lag_ms))
    return found('missing', 'the stream has no answer to the order')
  }
  if (streamCount > 1) return found('repeated', `the stream has ${streamCount} answers to the order`)
  if (each.is_flagged) return found('filtered', `click ${before} was found invalid`)
  if (each.click_behind_ms !== null) return found('late', lateness(`click ${now}`, each.click_behind_ms, each.click_lag_ms))
  if (before !== null && each.is_bot) return found('filtered', `click ${before} is a bot's`)
  if (before !== null && !each.is_known) return found('unexplained', `no click ${before} of its user in bronze`)
  if (now !== null) return found('missing', `the stream has passed over click ${now}`)
  return found('unexplained', `click ${before} does not earn it`)
}

/** Why they differ about what is charged; `ofOrder` is why they differ about the order that it hangs on. */
export function causeOfCharge(each: ChargeFound, ofOrder: Named | undefined): Named {
  const { kind, stream_count: streamCount, stream_amount: charged, batch_count: batchCount, batch_amount: due } = each
  const why = ofOrder ?? (each.order_cause === null ? undefined : found(each.order_cause as ReconCause, 'its order was put right before'))
  // Where the batch says what it said then, something else has changed.
  if (each.settled_cause !== null && each.settled_batch !== due) {
    if (each.is_flagged) return found('filtered', 'the click was found invalid')
    return why ?? found(each.settled_cause as ReconCause, 'what was settled before does not hold any more')
  }
  if (kind === 'credit' && batchCount > 0 && streamCount === 0) return found('cancelled', uncredited(each))
  if (batchCount > 0 && streamCount > batchCount) return found('repeated', `charged ${streamCount} times, for ${batchCount}`)
  if (each.is_flagged) return found('filtered', 'the click was found invalid')
  if (why) return why
  if (streamCount < batchCount) {
    if (each.behind_ms !== null) return found('late', lateness(`the ${EVENT_OF[kind]}`, each.behind_ms, each.lag_ms))
    return found('missing', `not charged: ${rupees(due)}`)
  }
  if (batchCount > 0) return found('unexplained', `charged ${rupees(charged)} for what costs ${rupees(due)}`)
  if (each.is_bot) return found('filtered', "charged, and it is a bot's")
  if (each.is_double)
    return each.before_behind_ms === null
      ? found('filtered', 'charged, and it is a double click')
      : found('late', 'a double click: the one before it came late')
  if (each.is_repeat) return found('repeated', 'charged again: its event came before')
  return found(
    'unexplained',
    each.time_ms === null ? `charged ${rupees(charged)}, and no such event in bronze` : `charged ${rupees(charged)}, and nothing is due`,
  )
}

const EVENT_OF = { cpc: 'click', cpm: 'impression', cpa: 'order', credit: 'cancellation' } as const

const uncredited = ({ behind_ms: behind, lag_ms: lag }: ChargeFound) =>
  behind === null ? 'cancelled, and not credited' : `not credited: ${lateness('the cancellation', behind, lag)}`

/** What was received in time, and was late all the same, was overtaken by a clock that is ahead. */
function lateness(what: string, behindMs: number, lagMs: number | null): string {
  const behind = `${what} came ${seconds(behindMs)} behind its partition`
  if (lagMs === null) return behind
  return lagMs > LATENESS_MS
    ? `${behind}, received ${seconds(lagMs)} after its own time: it was held up, or its sender's clock is slow`
    : `${behind}, though received within ${seconds(lagMs)}: another sender's clock is ahead`
}
