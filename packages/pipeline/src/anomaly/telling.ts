import { MINUTE_MS } from '@flowguard/contract'
import type { Clock } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import type { AnomalySignal, Verdict } from './detector.ts'
import type { AnomalyRule } from './measures.ts'
import type { Telling } from './store.ts'
import { alertOf, ALL_TRAFFIC, type AnomalyAlert } from './words.ts'

/** What was out of the usual before is learned from, and told to nobody any more. */
const PRESENT_MS = 2 * 60 * MINUTE_MS

/** The book of alerts, as far as anomalies go by it; each call inside the transaction of what it is about. */
export interface AnomalyAlerts {
  raise(alert: AnomalyAlert): void
  calm(rule: AnomalyRule, subject: string, at: number): void
}

/** Tells the book what a verdict is news of, judged up to `judgedTo`, and returns what is told by then. */
export function tellingTo({ alerts, clock, logger }: { alerts: AnomalyAlerts; clock: Clock; logger: Logger }) {
  function raise(signal: AnomalySignal, told: readonly AnomalyRule[]) {
    const alert = alertOf(signal)
    alerts.raise(alert)
    if (!told.includes(signal.rule)) logger.warn({ rule: alert.rule, at: alert.at, reason: alert.reason }, alert.title)
  }

  return ({ told, untold }: Telling, { raised, ongoing, calmed }: Verdict, judgedTo: number): Telling => {
    for (const { rule, at, why } of calmed) {
      if (told.includes(rule)) alerts.calm(rule, ALL_TRAFFIC, at)
      logger.info({ rule, at, why }, 'anomaly over')
      told = told.filter((each) => each !== rule)
      untold = untold.filter((each) => each.rule !== rule)
    }
    untold = [...untold, ...raised]
    for (const signal of ongoing) {
      if (told.includes(signal.rule)) raise(signal, told)
      else untold = untold.map((each) => (each.rule === signal.rule ? signal : each))
    }
    if (clock() - judgedTo > PRESENT_MS) return { told, untold }
    for (const signal of untold) raise(signal, told)
    return { told: [...told, ...untold.map(({ rule }) => rule)], untold: [] }
  }
}
