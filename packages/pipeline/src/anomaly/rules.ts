import { DAY_MS } from '@flowguard/contract'
import type { AnomalyRule } from './measures.ts'

/** A stretch of event time that was not as usual, and is no example of it. */
export interface KnownIncident {
  from: number
  /** It does not belong to it any more. */
  to: number
}

export interface AnomalyLimits {
  /** A change of less than this share of what is expected is none: 0.25 is a quarter less, or a quarter more. */
  changeMin: number
  /** Fewer in the window tell nothing: orders expected, impressions, clicks, orders that came, refusals, dead letters. */
  volumeMin: number
}

/** What `config/alerts.yaml` says of anomalies. A rule that is left out is off. */
export interface AnomalyRules {
  /** So much of event time is learned from before anything is raised. */
  warmUpMs: number
  /** How far out of the usual noise a window must lie, in standard deviations. */
  sigmas: number
  rules: Readonly<Partial<Record<AnomalyRule, AnomalyLimits>>>
  incidents: readonly KnownIncident[]
}

/** Found to hold for many seeds of the simulated weeks: bench/alerts.ts. */
export const ANOMALY_DEFAULTS: AnomalyRules = {
  warmUpMs: 14 * DAY_MS,
  sigmas: 5,
  rules: {
    order_rate: { changeMin: 0.3, volumeMin: 20 },
    ctr: { changeMin: 0.2, volumeMin: 200 },
    cvr: { changeMin: 0.25, volumeMin: 100 },
    revenue: { changeMin: 0.2, volumeMin: 10 },
    refused: { changeMin: 1, volumeMin: 20 },
    dead: { changeMin: 1, volumeMin: 10 },
  },
  incidents: [],
}
